using AuthMesh.LocalMesh;

namespace AuthMesh.Bench;

/// <summary>
/// A mesh as it runs where it counts: Development adds a page for exceptions and checks of the services' own wiring to each request.
/// </summary>
internal static class InProduction
{
    public const string Issuer = "https://auth.example.test";

    public static MeshOptions Options { get; } = new()
    {
        Environment = "Production",
        Issuer = Issuer,
        IdentitySettings = Unthrottled.WithCheapHashes,
    };
}
