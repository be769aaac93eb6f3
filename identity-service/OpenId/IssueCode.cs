using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.OpenId;

/// <summary>Gives a signed-in user's application the code by which it gets tokens (RFC 6749 §4.1.2).</summary>
internal sealed class IssueCode(IdentityDb db)
{
    private const int CodeBytes = 32;

    private const string Insert =
        $"""
        {Caller.With}
        INSERT INTO authorization_codes (
            code_hash, application_id, user_id, parent_id, epoch, client_epoch, redirect_uri, challenge, nonce, scopes, audience,
            expires_at)
        SELECT @code, a.id, u.id, u.session_id, u.epoch, a.epoch, @redirect_uri, @challenge, @nonce, @scopes, @audience,
            now() + interval '60 seconds'
        FROM caller u, applications a
        WHERE a.id = @application AND a.epoch = @client_epoch AND a.disabled_at IS NULL AND (NOT a.require_consent OR EXISTS (
            SELECT FROM consents c WHERE c.user_id = u.id AND c.application_id = a.id AND c.scopes @> @scopes))
        """;

    public static byte[] HashOf(string code) => SHA256.HashData(Encoding.UTF8.GetBytes(code));

    /// <summary>Call it in a transaction that has locked the user.</summary>
    /// <returns>The code; null if the sign-in or the user's consent ended meanwhile, or the application may do less.</returns>
    public async Task<string?> RunAsync(AuthorizationRequest request, Caller caller, CancellationToken cancellationToken)
    {
        var code = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(CodeBytes));
        NpgsqlParameter[] parameters =
        [
            .. caller.Parameters, new("code", HashOf(code)), new("application", request.Client.Id),
            new("client_epoch", request.Client.Epoch), new("redirect_uri", request.Return.RedirectUri), new("challenge", request.Challenge),
            Optional("nonce", request.Nonce),
            new("scopes", request.Scopes), Optional("audience", request.Audience),
        ];
        await using var command = db.CreateCommand(Insert);
        command.Parameters.AddRange(parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0 ? code : null;
    }

    private static NpgsqlParameter Optional(string name, string? value) =>
        new(name, NpgsqlDbType.Text) { Value = (object?)value ?? DBNull.Value };
}
