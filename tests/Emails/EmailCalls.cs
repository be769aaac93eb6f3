using System.Security.Cryptography;
using System.Text;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

internal static class EmailCalls
{
    public const string NewPassword = "a password after the reset";

    public static string NewAddress() => $"{ProductionMesh.NewName()}@Example.test";

    public static Task<Answer> ChangeEmailAsync(this Caller caller, string token, string email) =>
        caller.CallAsync(HttpMethod.Post, "/account/email", token, new { email });

    /// <summary>Opens the link of a mail: signed in, with a password, or neither.</summary>
    public static Task<Answer> VerifyEmailAsync(this Caller caller, string proof, string? token = null, string? password = null) =>
        caller.CallAsync(
            HttpMethod.Post, "/email/verify", token, password is null ? new { token = proof } : (object)new { token = proof, password });

    public static Task<Answer> ForgotPasswordAsync(this Caller caller, string account) =>
        caller.PostAsync("/password/forgot", new { account });

    public static Task<Answer> ResetPasswordAsync(this Caller caller, string proof, string password = NewPassword) =>
        caller.PostAsync("/password/reset", new { token = proof, new_password = password });

    /// <summary>Gives an account a proved address, without mail.</summary>
    public static async Task ProveAsync(this Database database, Guid userId, string address) => Assert.Equal(1, await database.ExecuteAsync(
        "UPDATE users SET email = $2, normalized_email = lower($2), email_verified_at = now(), requested_email = NULL WHERE id = $1",
        userId, address));

    /// <summary>Lets an account ask for an address, without mail.</summary>
    public static async Task RequestAsync(this Database database, Guid userId, string address) =>
        Assert.Equal(1, await database.ExecuteAsync("UPDATE users SET requested_email = $2 WHERE id = $1", userId, address));

    /// <summary>Makes a proof as a mail would bring it.</summary>
    /// <returns>The token in its link.</returns>
    public static async Task<string> AddProofAsync(
        this Database database, Guid userId, string purpose, string? address = null, string lifetime = "30 minutes")
    {
        var token = RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz234567", 26);
        Assert.Equal(1, await database.ExecuteAsync(
            """
            INSERT INTO account_proofs (token_hash, purpose, user_id, factors_epoch, address, created_at, expires_at)
            SELECT $1, $2, id, factors_epoch, NULLIF($3, ''), now(), now() + $4::interval FROM users WHERE id = $5
            """,
            SHA256.HashData(Encoding.ASCII.GetBytes(token)), purpose, address ?? "", lifetime, userId));
        return token;
    }

    public static Task<long> CountProofsAsync(this Database database, Guid userId) =>
        database.ScalarAsync<long>("SELECT count(*) FROM account_proofs WHERE user_id = $1", userId);

    /// <summary>Everything that the table knows about an account, so that a change of one byte shows.</summary>
    public static Task<string> RowAsync(this Database database, Guid userId) =>
        database.ScalarAsync<string>("SELECT u::text FROM users u WHERE id = $1", userId);

    public static Task<string?> FindEmailAsync(this Database database, Guid userId) =>
        database.ScalarAsync<string?>("SELECT COALESCE(email, '') FROM users WHERE id = $1", userId);

    public static void AssertNoProof(this Answer answer) => answer.AssertError(400, "invalid_or_expired_token");
}
