namespace AuthMesh.Identity.Applications;

/// <summary>The column <c>applications.kind</c>: where the program runs, and so whether it can keep a secret (RFC 6749 §2.1).</summary>
internal static class ApplicationKind
{
    /// <summary>A page with scripts in a browser. It keeps no secret.</summary>
    public const string Spa = "spa";

    /// <summary>A program on a user's device: a mobile or desktop application, a command line. It keeps no secret.</summary>
    public const string Native = "native";

    /// <summary>A web application whose server keeps a secret.</summary>
    public const string Web = "web";

    /// <summary>A program that calls in its own name, for no user. It keeps a secret.</summary>
    public const string Service = "service";

    public static readonly IReadOnlyList<string> All = [Spa, Native, Web, Service];

    /// <summary>Whether it authenticates, by a secret or a key.</summary>
    public static bool IsConfidential(string kind) => kind is Web or Service;
}

/// <summary>The column <c>applications.grants</c>: values of <c>grant_type</c>.</summary>
internal static class GrantType
{
    public const string AuthorizationCode = "authorization_code", RefreshToken = "refresh_token", ClientCredentials = "client_credentials";

    /// <summary>RFC 8628 §3.4.</summary>
    public const string DeviceCode = "urn:ietf:params:oauth:grant-type:device_code";

    public static readonly IReadOnlyList<string> All = [AuthorizationCode, RefreshToken, ClientCredentials, DeviceCode];
}
