using AuthMesh.LocalMesh;

namespace AuthMesh.TestMesh;

/// <summary>The common options of the meshes in tests and measurements. Callers change others with <c>with</c>.</summary>
public static class InProduction
{
    public const string Issuer = "https://auth.example.test";
    public const string ServiceKey = "a-service-key-for-tests-long-enough";

    /// <summary>
    /// One replica of everything, unthrottled, with cheap hashes. The environment is Production, because Development adds an exception page
    /// and checks of the services' own wiring to each request.
    /// </summary>
    public static MeshOptions Options { get; } = new()
    {
        Environment = "Production",
        Issuer = Issuer,
        Settings = new Dictionary<string, string> { ["AuthMesh:ServiceKey"] = ServiceKey },
        IdentitySettings = Unthrottled.WithCheapHashes,
    };

    /// <param name="connectionString">A database that already runs.</param>
    /// <param name="identitySettings">Settings that replace the ones above and include the master key.</param>
    public static MeshOptions On(string connectionString, IReadOnlyDictionary<string, string> identitySettings) => Options with
    {
        ConnectionString = connectionString,
        IdentitySettings = new Dictionary<string, string>(identitySettings) { ["Identity:MasterKeyFile"] = "" },
    };
}
