using System.Security.Cryptography;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.SecondFactor;

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="Secret">In base32, for people who type it into their app.</param>
/// <param name="OtpauthUri">The same for a QR code.</param>
public sealed record SetUpTotpResponse(
    string Status, string Message, string Secret, [property: JsonPropertyName("otpauth_uri")] string OtpauthUri);

/// <summary>
/// Makes a secret for an authenticator app. It waits for its first code, and replaces an earlier one that waits. An app that is in use
/// stays until then.
/// </summary>
internal sealed class SetUpTotp(IdentityDb db, KeyRing ring, IOptions<AuthMeshOptions> mesh, TimeProvider clock)
{
    private const string Store =
        $"""
        {Caller.WithRecentProof}
        INSERT INTO totp_secrets (id, user_id, key_id, sealed, created_at, last_step, wrong_codes)
        SELECT @id, caller.id, @key, @sealed, now(), 0, 0 FROM caller
        ON CONFLICT (user_id) WHERE confirmed_at IS NULL DO UPDATE SET
            id = excluded.id, key_id = excluded.key_id, sealed = excluded.sealed, created_at = excluded.created_at
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/totp", (HttpContext context, SetUpTotp setUp, CancellationToken cancellationToken) => setUp.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<SetUpTotpResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var (account, refusal) = await OwnAccount.DemandRecentProofAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        var secret = RandomNumberGenerator.GetBytes(Totp.SecretBytes);
        var stored = SealedSecret.Create(secret, TotpSecret.Context(account.Id), ring);
        NpgsqlParameter[] parameters =
        [
            .. Caller.Of(context.User).Parameters, new("id", Guid.CreateVersion7(clock.GetUtcNow())), new("key", stored.KeyId),
            new("sealed", stored.Bytes),
        ];
        if (await db.Database.ExecuteSqlRawAsync(Store, parameters, cancellationToken) == 0)
        {
            return CommonFailures.InvalidToken(); // the session ended, or the proof became too old, at this moment
        }

        var text = Base32.Encode(secret);
        return TypedResults.Ok(new SetUpTotpResponse(
            "success", "Add the secret to your authenticator app, and confirm its first code", text, Uri(account.Username, text)));
    }

    // The Key Uri Format of Google Authenticator, which all apps read. A colon separates issuer and account.
    private string Uri(string username, string secret)
    {
        var issuer = System.Uri.EscapeDataString(new Uri(mesh.Value.Issuer).Host);
        return $"otpauth://totp/{issuer}:{System.Uri.EscapeDataString(username)}?secret={secret}&issuer={issuer}"
            + $"&algorithm=SHA1&digits={Totp.Digits}&period={Totp.StepSeconds}";
    }
}
