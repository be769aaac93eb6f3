using AuthMesh.LocalMesh;

namespace AuthMesh.TestMesh;

/// <summary>The options that the meshes of tests and measurements have in common. A caller changes the rest with <c>with</c>.</summary>
public static class InProduction
{
    public const string Issuer = "https://auth.example.test";
    public const string ServiceKey = "a-service-key-for-tests-long-enough";

    /// <summary>
    /// One replica of everything, unthrottled, with cheap hashes. Production, because Development adds a page for exceptions and checks of
    /// the services' own wiring to each request.
    /// </summary>
    public static MeshOptions Options { get; } = new()
    {
        Environment = "Production",
        Issuer = Issuer,
        Settings = new Dictionary<string, string> { ["AuthMesh:ServiceKey"] = ServiceKey },
        IdentitySettings = Unthrottled.WithCheapHashes,
    };

    /// <param name="connectionString">A database that runs already.</param>
    /// <param name="identitySettings">In place of the ones above. They bring the master key.</param>
    public static MeshOptions On(string connectionString, IReadOnlyDictionary<string, string> identitySettings) => Options with
    {
        ConnectionString = connectionString,
        IdentitySettings = new Dictionary<string, string>(identitySettings) { ["Identity:MasterKeyFile"] = "" },
    };
}
