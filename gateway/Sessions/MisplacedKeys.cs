using AuthMesh.Errors;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Refuses requests with a key in their address, because logs and histories keep addresses, or in the header in which browsers send tokens
/// to WebSockets, which services see.
/// </summary>
internal sealed class MisplacedKeys(RequestDelegate next)
{
    private static readonly Failure Refused = CommonFailures.InvalidRequest(
        "Send a key in the Authorization header only. Logs keep addresses, so delete this key");

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        return IsInQuery(request.QueryString.Value) || IsIn(request.Path.Value) || IsIn(request.Headers.SecWebSocketProtocol)
            ? Refused.ExecuteAsync(context)
            : next(context);
    }

    // A client may encode any character.
    private static bool IsInQuery(string? query) =>
        IsIn(query) || (query?.Contains('%', StringComparison.Ordinal) is true && IsIn(Uri.UnescapeDataString(query)));

    private static bool IsIn(string? text) => text is { Length: > 1 } && ApiKey.IsIn(text.AsSpan());

    private static bool IsIn(StringValues protocols) => protocols.Count > 0 && IsIn(protocols.ToString());
}
