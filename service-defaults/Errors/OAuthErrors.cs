using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Errors;

/// <summary>
/// The errors of OAuth endpoints (RFC 6749 §5.2). They have the one shape of the mesh and the members <c>error</c> and
/// <c>error_description</c> besides, so that both our own programs and OAuth libraries read them.
/// </summary>
internal static class OAuthErrors
{
    private static readonly HashSet<string> Known =
        [
            "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
            "invalid_target", "unsupported_response_type", "request_not_supported", "request_uri_not_supported",
            "registration_not_supported", "invalid_token", "insufficient_scope", "authorization_pending", "slow_down", "access_denied",
            "expired_token",
        ];

    /// <summary>Adds the members to every error of an endpoint, also to one that middleware or a fault causes.</summary>
    public static readonly ErrorProtocol Protocol = new(failure => new JsonObject
    {
        ["error"] = failure.Status switch
        {
            StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests => "temporarily_unavailable",
            StatusCodes.Status500InternalServerError => "server_error",
            _ when failure.Code == "missing_token" => "invalid_token", // no word of OAuth says that there is none
            _ when Known.Contains(failure.Code) => failure.Code,
            _ => "invalid_request",
        },
        ["error_description"] = failure.Message,
    });
}
