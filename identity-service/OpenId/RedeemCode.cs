using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// Trades a code for tokens (RFC 6749 §4.1.3). A second use ends the session of the first, because somebody else may have it (§4.1.2): but
/// only if it comes from the application, with the redirect URI and the verifier. Otherwise anybody who read a log could sign people out.
/// </summary>
internal sealed class RedeemCode(
    IdentityDb db, IssueApplicationTokens issueTokens, SecurityEvents events, TimeProvider clock, IOptions<AuthMeshOptions> mesh)
{
    private const int ShortestVerifier = 43, LongestVerifier = 128; // RFC 7636 §4.1

    // The order of LiveSession: the user, then the sign-in. Whatever ends the sign-in waits for them, or is seen by the next statement.
    internal const string LockUser =
        "SELECT 1 FROM users WHERE id = (SELECT user_id FROM authorization_codes WHERE code_hash = @code) FOR NO KEY UPDATE";

    internal const string LockParent =
        "SELECT 1 FROM sessions WHERE id = (SELECT parent_id FROM authorization_codes WHERE code_hash = @code) FOR NO KEY UPDATE";

    private const string Fits =
        "c.code_hash = @code AND c.application_id = @application AND c.redirect_uri = @redirect_uri AND c.challenge = @challenge";

    // One statement spends the code and starts the session. Two requests with one code: the second one waits, and finds it spent.
    internal const string Redeem =
        $"""
        WITH code AS (
            UPDATE authorization_codes c SET spent_at = now(), session_id = @session
            WHERE {Fits} AND c.spent_at IS NULL AND c.expires_at > now()
                AND (@resource IS NULL OR COALESCE(c.audience, @mesh) = @resource)
            RETURNING c.*, NULL AS device, NULL AS network),
        {StartApplicationSession.With}
        SELECT {LiveSession.ColumnsOfApplication}, code.nonce FROM added s, users u, code WHERE u.id = s.user_id
        """;

    // The trigger session_ended notifies every verifier.
    private const string EndReplayed =
        $"""
        UPDATE sessions SET ended_at = now()
        WHERE ended_at IS NULL AND id = (SELECT c.session_id FROM authorization_codes c WHERE {Fits} AND c.spent_at IS NOT NULL)
        RETURNING user_id, id
        """;

    public async Task<Results<Ok<TokenResponse>, Failure>> RunAsync(
        Client client, ProtocolParameters request, HttpContext context, CancellationToken cancellationToken)
    {
        if (!client.MayUse(GrantType.AuthorizationCode))
        {
            return OAuthError.UnauthorizedClient;
        }

        if (request["code"] is not { } code || request["redirect_uri"] is not { } redirectUri
            || request["code_verifier"] is not { } verifier)
        {
            return CommonFailures.InvalidRequest("code, redirect_uri and code_verifier are required");
        }

        if (verifier.Length is < ShortestVerifier or > LongestVerifier)
        {
            return OAuthError.InvalidGrant;
        }

        NpgsqlParameter[] fits =
        [
            new("code", IssueCode.HashOf(code)), new("application", client.Id), new("redirect_uri", redirectUri),
            new("challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)))),
        ];
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync(LockUser, [fits[0].Clone()], cancellationToken);
        await db.Database.ExecuteSqlRawAsync(LockParent, [fits[0].Clone()], cancellationToken);
        string? nonce = null;
        var session = await LiveSession.FindOfApplicationAsync(
            db.CreateCommand(Redeem), client.ClientId, row => nonce = row.IsDBNull(12) ? null : row.GetString(12), clock,
            cancellationToken,
            [
                .. fits.Select(parameter => parameter.Clone()), new("session", Guid.CreateVersion7(clock.GetUtcNow())),
                new("mesh", mesh.Value.Audience),
                new("resource", NpgsqlDbType.Text) { Value = (object?)request["resource"] ?? DBNull.Value },
            ]);
        if (session is null)
        {
            var reused = await EndReplayedAsync(fits, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            if (reused is not null)
            {
                events.Write(reused, context);
            }

            return OAuthError.InvalidGrant;
        }

        await StartApplicationSession.EndOldestAsync(db, session.Session.UserId, cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        events.Write(SecurityEvent.ApplicationSignedIn(session.Session.UserId, session.Session.Id, client.Id), context);
        return TypedResults.Ok(issueTokens.ForNew(client, session, nonce));
    }

    private async Task<SecurityEvent?> EndReplayedAsync(NpgsqlParameter[] fits, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(EndReplayed);
        command.Parameters.AddRange(fits.Select(parameter => parameter.Clone()).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? SecurityEvent.CodeReused(row.GetGuid(0), row.GetGuid(1)) : null;
    }
}
