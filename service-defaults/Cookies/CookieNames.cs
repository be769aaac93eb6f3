using AuthMesh.Settings;

namespace AuthMesh.Cookies;

/// <summary>
/// The names of the mesh's cookies. On https the prefix binds a cookie to this host, this path and https (RFC 6265bis §4.1.3.2). On plain
/// http browsers refuse the prefix, and they share cookies between all ports of a host, so the name holds the port.
/// </summary>
public static class CookieNames
{
    private const string Https = "__Host-", SessionName = "authmesh", DeviceName = "authmesh-device", SignInName = "authmesh-signin",
        ProofName = "authmesh-proof";

    private static readonly string[] Plain = [SessionName, DeviceName, SignInName, ProofName];

    /// <summary>The cookie that holds a browser's session.</summary>
    /// <param name="issuer">The public origin, <see cref="AuthMeshOptions.Issuer"/>.</param>
    public static string Session(string issuer) => For(issuer, SessionName);

    /// <summary>The device cookie, which recognises a device that has signed in before.</summary>
    /// <param name="issuer">The public origin, <see cref="AuthMeshOptions.Issuer"/>.</param>
    public static string Device(string issuer) => For(issuer, DeviceName);

    /// <summary>The cookie that binds a sign-in in progress to the browser that began it.</summary>
    /// <param name="issuer">The public origin, <see cref="AuthMeshOptions.Issuer"/>.</param>
    public static string SignIn(string issuer) => For(issuer, SignInName);

    /// <summary>The cookie that holds the proof from a link in a mail while its reader fills in the form.</summary>
    /// <param name="issuer">The public origin, <see cref="AuthMeshOptions.Issuer"/>.</param>
    public static string Proof(string issuer) => For(issuer, ProofName);

    /// <summary>
    /// Whether a mesh sets a cookie of this name, this mesh or another one on the same host. Some browsers compare names without case, so
    /// this does too.
    /// </summary>
    public static bool IsOfAMesh(ReadOnlySpan<char> name)
    {
        if (name.StartsWith(Https, StringComparison.OrdinalIgnoreCase))
        {
            name = name[Https.Length..];
            return IsPlain(name);
        }

        var portAt = name.LastIndexOf('-') + 1;
        return portAt > 1 && portAt < name.Length && !name[portAt..].ContainsAnyExceptInRange('0', '9') && IsPlain(name[..(portAt - 1)]);
    }

    private static bool IsPlain(ReadOnlySpan<char> name)
    {
        foreach (var plain in Plain)
        {
            if (name.Equals(plain, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static string For(string issuer, string name) =>
        issuer.StartsWith("https://", StringComparison.Ordinal) ? Https + name : $"{name}-{new Uri(issuer).Port}";
}
