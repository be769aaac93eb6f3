using System.Globalization;
using System.Security.Claims;
using System.Text.Json.Serialization;
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

/// <summary>The answer of RFC 7662 §2.2. An inactive token has no other member.</summary>
public sealed record IntrospectTokenResponse(bool Active)
{
    [JsonPropertyName("token_type")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TokenType { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Iss { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Sub { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Aud { get; init; }

    [JsonPropertyName("client_id")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ClientId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Username { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Scope { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Sid { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Jti { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Iat { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Exp { get; init; }

    [JsonPropertyName("auth_time")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? AuthenticatedAt { get; init; }
}

/// <summary>
/// Tells a client whether a token is live (RFC 7662). Services of the mesh verify tokens by themselves and need no such call. A token is
/// inactive for a client that neither got it nor is its audience, and applications without a secret may not ask.
/// </summary>
internal static class IntrospectToken
{
    private const string Find =
        $"""
        SELECT {LiveSession.ColumnsOfApplication}, a.client_id FROM sessions s, users u, applications a
        WHERE s.id = @session AND a.id = s.application_id AND {LiveSession.IsLiveApplication}
        """;

    private const string FindLive =
        $"""
        SELECT true FROM sessions s, users u WHERE s.id = @session AND {LiveSession.IsLiveApplication}
        UNION ALL
        SELECT true FROM sessions s, applications a WHERE s.id = @session AND {LiveSession.IsLiveService}
        """;

    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/introspect", HandleAsync).AllowAnonymous()
        .Produces<IntrospectTokenResponse>()
        .ProducesFailure(OAuthError.InvalidClient);

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

        var described = await PresentedToken.ReadAsync(text, ring, reader) switch
        {
            { Refresh: { } refresh } => await DescribeAsync(refresh, client, database, clock, mesh.Value, cancellationToken),
            // The log may not have arrived here yet.
            { Access: { } access, SessionId: var id } when access.IsLive() && await IsLiveAsync(database, id, cancellationToken) =>
                Describe(access.Claims, client),
            _ => null,
        };
        return TypedResults.Ok(described ?? new IntrospectTokenResponse(Active: false));
    }

    private static async Task<bool> IsLiveAsync(Primary database, Guid sessionId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(FindLive);
        command.Parameters.AddWithValue("session", sessionId);
        return await command.ReadCommittedRowAsync(_ => "", cancellationToken) is not null;
    }

    private static IntrospectTokenResponse? Describe(ClaimsPrincipal token, Client client)
    {
        return Text(AccessTokenClaims.ClientId) != client.ClientId && !client.MayReach(Text(AccessTokenClaims.Audience)!) ? null
            : new IntrospectTokenResponse(Active: true)
            {
                TokenType = "Bearer",
                Iss = Text(AccessTokenClaims.Issuer),
                Sub = Text(AccessTokenClaims.Subject),
                Aud = Text(AccessTokenClaims.Audience),
                ClientId = Text(AccessTokenClaims.ClientId),
                Username = Text(AccessTokenClaims.PreferredUsername),
                Scope = Text(AccessTokenClaims.Scope),
                Sid = Text(AccessTokenClaims.SessionId),
                Jti = Text(AccessTokenClaims.TokenId),
                Iat = Number(AccessTokenClaims.IssuedAt),
                Exp = Number(AccessTokenClaims.ExpiresAt),
                AuthenticatedAt = Number(AccessTokenClaims.AuthenticatedAt),
            };

        string? Text(string claim) => token.FindFirstValue(claim);
        long? Number(string claim) => Text(claim) is { } number ? long.Parse(number, CultureInfo.InvariantCulture) : null;
    }

    // The newest token alone. The one before it is still exchanged for 30 s, but nobody should keep it.
    private static async Task<IntrospectTokenResponse?> DescribeAsync(
        RefreshToken token, Client client, Primary database, TimeProvider clock, AuthMeshOptions mesh, CancellationToken cancellationToken)
    {
        var clientId = "";
        var session = await LiveSession.FindOfApplicationAsync(
            database.CreateCommand(Find), client.ClientId, row => clientId = row.GetString(12), clock, cancellationToken,
            new NpgsqlParameter("session", token.SessionId));
        return session is null || clientId != client.ClientId || session.Session.Epoch != token.Epoch
            || session.Session.RefreshCounter != token.Counter ? null
            : new IntrospectTokenResponse(Active: true)
            {
                Iss = mesh.Issuer,
                Sub = session.Session.UserId.ToString(),
                ClientId = clientId,
                Sid = token.SessionId.ToString(),
                Scope = string.Join(' ', session.Grant.Scopes),
                Exp = (session.Session.FoundAt + session.Session.Remaining).ToUnixTimeSeconds(),
            };
    }
}
