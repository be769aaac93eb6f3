using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.WebSignIn;

/// <summary>Calls the server as the application that an admin registered for this client. It keeps no secret.</summary>
internal sealed class ProtocolCall(Invocation invocation, string clientId)
{
    public const string Token = "/token";

    public string ClientId { get; } = clientId;

    public static Request RequestFor(string path, string clientId, params (string Name, string Value)[] form) =>
        new Request(HttpMethod.Post, path).WithForm([.. form, ("client_id", clientId)]);

    /// <returns>The answer, which may be a refusal.</returns>
    public Task<Answer> TrySendAsync(string path, (string Name, string Value)[] form, CancellationToken cancellation) =>
        invocation.Connection.SendAsync(RequestFor(path, ClientId, form), cancellation);

    /// <returns>The answer, which is a success.</returns>
    public async Task<Answer> SendAsync(string path, (string Name, string Value)[] form, CancellationToken cancellation) =>
        Accepted(await TrySendAsync(path, form, cancellation));

    public async Task<ServerMetadata> DescribeAsync(CancellationToken cancellation) =>
        Accepted(await invocation.Connection.SendAsync(Request.Get("/.well-known/openid-configuration"), cancellation))
            .Read(ClientJson.Default.ServerMetadata);

    /// <summary>The name of the user whom a token is for.</summary>
    public async Task<string> FindUsernameAsync(string token, CancellationToken cancellation)
    {
        var user = Accepted(await invocation.Connection.SendAsync(Request.Get("/userinfo") with { Token = token }, cancellation))
            .Read(ClientJson.Default.UserInfo);
        return user.PreferredUsername ?? user.Sub;
    }

    /// <summary>Returns the answer if it is a success. Otherwise the command ends with a hint.</summary>
    public Answer Accepted(Answer answer) => answer is { Status: 200 or 201, Body: not null }
        ? answer
        : throw Refusal.From(answer, "NAME", HintFor(answer.Fields.Code));

    /// <summary>
    /// An address of the server that a browser may open. Another kind of address could start any program of this computer.
    /// </summary>
    public static string Web(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            ? uri.AbsoluteUri
            : throw CommandFailure.Unexpected("The server names no web address for the sign-in", Answer.WrongServerHint);

    private string? HintFor(string? code) => code switch
    {
        "invalid_client" or "unauthorized_client" =>
            $"an admin registers {ClientId}: authmesh applications create {ClientId} --kind native --first-party"
            + " --grant authorization_code --grant refresh_token --grant urn:ietf:params:oauth:grant-type:device_code"
            + $" --redirect-uri {LoopbackFlow.RegisteredUri}"
            + string.Concat(WebLogin.DefaultScopes.Select(scope => $" --scope {scope}")),
        "invalid_scope" => $"choose scopes that {ClientId} has: authmesh login --web --scope SCOPE",
        "not_found" => "this server offers no sign-in by a browser: authmesh login NAME",
        _ => null,
    };
}
