using System.Security.Claims;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Tokens;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>The answer of OpenID Connect Core 1.0 §5.3.2: the subject, and what the scopes open.</summary>
/// <param name="Sub">The user's id.</param>
/// <param name="Username">With the scope <c>profile</c>.</param>
/// <param name="Email">With the scope <c>email</c>, if the user proved an address.</param>
/// <param name="IsEmailVerified">True beside an address.</param>
public sealed record UserInfoResponse(
    string Sub,
    [property: JsonPropertyName("preferred_username")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Username,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Email,
    [property: JsonPropertyName("email_verified")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    bool? IsEmailVerified);

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

    public static void Map(IEndpointRouteBuilder app)
    {
        foreach (string[] method in (string[][])[[HttpMethods.Get], [HttpMethods.Post]]) // §5.3.1: both
        {
            app.MapMethods("/userinfo", method, HandleAsync).AllowAnonymous()
                .Produces<UserInfoResponse>()
                .ProducesFailure(Missing, CommonFailures.InvalidToken(), CommonFailures.MissingScope(StandardScope.OpenId));
        }
    }

    private static async Task<IResult> HandleAsync(
        HttpContext context, AccessTokenReader reader, Primary database, TimeProvider clock, CancellationToken cancellationToken)
    {
        const string Scheme = "Bearer ";
        var header = context.Request.Headers.Authorization.ToString(); // several are one with commas, which no token has
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

        var session = await LiveSession.FindOfApplicationAsync(
            database.CreateCommand(Find), clientId: "", read: null, clock, cancellationToken,
            new NpgsqlParameter("session", Guid.Parse(caller.FindFirstValue(AccessTokenClaims.SessionId)!)));
        if (session is not { ForToken: var user })
        {
            return CommonFailures.InvalidToken();
        }

        var claims = UserClaims.Of(scopes, user.PreferredUsername, user.Email);
        return TypedResults.Ok(new UserInfoResponse(
            user.UserId.ToString(), claims.Username, claims.Email, claims.Email is null ? null : true));
    }
}
