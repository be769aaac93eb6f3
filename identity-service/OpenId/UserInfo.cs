using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Tokens;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// Tells an application about its user (OpenID Connect Core 1.0 §5.3). It takes every live token of the mesh with the scope
/// <c>openid</c>, whatever its audience.
/// </summary>
internal static class UserInfo
{
    private const string Find =
        $"SELECT {LiveSession.ColumnsOfApplication} FROM sessions s, users u WHERE s.id = @session AND {LiveSession.IsLiveApplication}";

    private static readonly Failure Missing = new(StatusCodes.Status401Unauthorized, "missing_token", "Missing or invalid token")
    {
        Challenge = "Bearer realm=\"authmesh\"", // RFC 6750 §3.1: without an error, because the request presents no token
    };

    public static void Map(IEndpointRouteBuilder app) => app.MapMethods("/userinfo", ["GET", "POST"], HandleAsync).AllowAnonymous();

    private static async Task<IResult> HandleAsync(
        HttpContext context, AccessTokenReader reader, Primary database, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (context.Request.Headers.Authorization is not [{ } header])
        {
            return context.Request.Headers.Authorization.Count == 0 ? Missing : CommonFailures.InvalidRequest("Send one Authorization header");
        }

        const string Scheme = "Bearer ";
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return Missing;
        }

        if (await reader.ReadOfAnyAudienceAsync(header[Scheme.Length..].Trim()) is not { Claims: var caller } token || !token.IsLive())
        {
            return CommonFailures.InvalidToken();
        }

        if (caller.FindFirstValue(AccessTokenClaims.Scope)?.Split(' ') is not { } scopes || !scopes.Contains(StandardScope.OpenId))
        {
            return CommonFailures.MissingScope(StandardScope.OpenId);
        }

        return await LiveSession.FindOfApplicationAsync(
            database.CreateCommand(Find), clientId: "", read: null, clock, cancellationToken,
            new NpgsqlParameter("session", Guid.Parse(caller.FindFirstValue(AccessTokenClaims.SessionId)!))) is { ForToken: var session }
                ? TypedResults.Ok(new Dictionary<string, object>(
                    UserClaims.Of(scopes, session.PreferredUsername, session.Email).Prepend(("sub", session.UserId.ToString()))
                        .Select(claim => KeyValuePair.Create(claim.Item1, claim.Item2))))
                : CommonFailures.InvalidToken();
    }
}
