using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// Tells a client whether a token is live (RFC 7662). Services of the mesh verify tokens by themselves and need no such call. A token is
/// inactive for a client that neither got it nor is its audience, and applications without a secret may not ask.
/// </summary>
internal static class IntrospectToken
{
    private const string Find =
        $"""
        SELECT {LiveSession.ColumnsOfApplication}, a.client_id, s.refresh_counter FROM sessions s, users u, applications a
        WHERE s.id = @session AND a.id = s.application_id AND {LiveSession.IsLiveApplication}
        """;

    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/introspect", HandleAsync).AllowAnonymous();

    private static async Task<IResult> HandleAsync(
        HttpContext context, ClientAuthentication authentication, KeyRing ring, AccessTokenReader reader, Primary database,
        TimeProvider clock, IOptions<AuthMeshOptions> mesh, CancellationToken cancellationToken)
    {
        var (parameters, refusal) = await ProtocolParameters.ReadFormAsync(context.Request);
        if (parameters is null)
        {
            return refusal!;
        }

        (var client, refusal) = await authentication.RunAsync(parameters, context.Request, cancellationToken);
        if (client is null)
        {
            return refusal!;
        }

        if (!ApplicationKind.IsConfidential(client.Kind))
        {
            return OAuthError.InvalidClient;
        }

        if (parameters[PresentedToken.Parameter] is not { } text)
        {
            return CommonFailures.InvalidRequest("token is required");
        }

        var members = await PresentedToken.ReadAsync(text, ring, reader) switch
        {
            { Refresh: { } refresh } => await DescribeAsync(refresh, client, database, clock, mesh.Value, cancellationToken),
            { Access: { } access } when access.IsLive() => Describe(access.Claims, client),
            _ => null,
        };
        return TypedResults.Ok(members ?? new Dictionary<string, object> { ["active"] = false });
    }

    private static Dictionary<string, object>? Describe(ClaimsPrincipal token, Client client)
    {
        if (token.FindFirstValue(AccessTokenClaims.ClientId) != client.ClientId
            && !client.MayReach(token.FindFirstValue(AccessTokenClaims.Audience)!))
        {
            return null;
        }

        var members = new Dictionary<string, object> { ["active"] = true, ["token_type"] = "Bearer" };
        foreach (var claim in token.Claims.Where(claim => claim.Type is "iss" or "sub" or "aud" or "client_id" or "jti" or "sid" or "scope"))
        {
            members[claim.Type] = claim.Value;
        }

        foreach (var claim in token.Claims.Where(claim => claim.Type is "iat" or "exp" or "auth_time"))
        {
            members[claim.Type] = long.Parse(claim.Value, System.Globalization.CultureInfo.InvariantCulture);
        }

        if (token.FindFirstValue(AccessTokenClaims.PreferredUsername) is { } username)
        {
            members["username"] = username;
        }

        return members;
    }

    // The token that the next refresh would take: the current one, or the one before it for 30 s.
    private static async Task<Dictionary<string, object>?> DescribeAsync(
        RefreshToken token, Client client, Primary database, TimeProvider clock, AuthMeshOptions mesh, CancellationToken cancellationToken)
    {
        var clientId = "";
        var session = await LiveSession.FindOfApplicationAsync(
            database.CreateCommand(Find), client.ClientId, row => clientId = row.GetString(12), clock, cancellationToken,
            new NpgsqlParameter("session", token.SessionId));
        return session is null || clientId != client.ClientId || session.Session.Epoch != token.Epoch
            || session.Session.RefreshCounter != token.Counter ? null
            : new Dictionary<string, object>
            {
                ["active"] = true, ["iss"] = mesh.Issuer, ["sub"] = session.Session.UserId.ToString(), ["client_id"] = clientId,
                ["sid"] = token.SessionId.ToString(), ["scope"] = string.Join(' ', session.Grant.Scopes),
                ["exp"] = (session.Session.FoundAt + session.Session.Remaining).ToUnixTimeSeconds(),
            };
    }
}
