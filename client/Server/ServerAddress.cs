using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Server;

/// <summary>An origin: scheme, host and port. Tokens are stored by origin, so each server has only one spelling.</summary>
internal sealed record ServerAddress
{
    public const string EnvironmentVariable = "AUTHMESH_SERVER";
    public const string QuickStart = "http://localhost:8080";

    private ServerAddress(Uri origin) => Origin = origin;

    public Uri Origin { get; }

    public bool IsLoopback => Origin.IsLoopback;

    public bool IsEncrypted => Origin.Scheme == Uri.UriSchemeHttps;

    public static ServerAddress Choose(string? option, SessionFile sessions)
    {
        if (option is not null)
        {
            return Parse(option, "--server");
        }

        return Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } fromEnvironment
            ? Parse(fromEnvironment, EnvironmentVariable)
            : Parse(sessions.LastServer() ?? QuickStart, sessions.FilePath);
    }

    public override string ToString() => Origin.GetLeftPart(UriPartial.Authority);

    private static ServerAddress Parse(string text, string source)
    {
        var isOrigin = Uri.TryCreate(text, UriKind.Absolute, out var uri)
            && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "", Host.Length: > 0 };

        return isOrigin
            ? new ServerAddress(uri!)
            : throw CommandFailure.Usage(
                $"{source}: '{text}' is not a server address",
                $"write only scheme, host and port, as in {QuickStart}");
    }
}
