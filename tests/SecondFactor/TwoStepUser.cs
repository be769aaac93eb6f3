using AuthMesh.Identity.SecondFactor;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>A signed-in user with an authenticator app.</summary>
/// <param name="User">The user; its token has one factor.</param>
/// <param name="Secret">What the app holds.</param>
/// <param name="Confirmed">The answer that turned the app on; its token has two factors.</param>
public sealed record TwoStepUser(SignedIn User, byte[] Secret, Answer Confirmed)
{
    public string Token => Confirmed.Token;

    public Guid UserId => User.UserId;

    public string[] RecoveryCodes =>
        [.. Confirmed.Json.GetProperty("recovery_codes").EnumerateArray().Select(code => code.GetString()!)];

    /// <summary>A code of the app. A step later than the last one that was used is right.</summary>
    public string Code(int step = 0) => Totp.CodeAt(Secret, Totp.StepAt(TimeProvider.System.GetUtcNow()) + step);

    /// <summary>A code that no step has.</summary>
    public string WrongCode => Enumerable.Range(0, 1_000_000).Select(i => $"{i:D6}")
        .First(code => Enumerable.Range(-9, 19).All(step => Code(step) != code));
}

internal static class SecondFactorCalls
{
    /// <summary>Turns an authenticator app on. Its last used step is forgotten, so that a test can use codes at once.</summary>
    public static async Task<TwoStepUser> EnableTotpAsync(this Caller caller, SignedIn user, Database database)
    {
        var begun = await caller.CallAsync(HttpMethod.Post, "/account/totp", user.Token);
        Assert.Equal(200, begun.Status);
        var secret = Decode(begun.Member("secret")!);
        var code = Totp.CodeAt(secret, Totp.StepAt(TimeProvider.System.GetUtcNow()));
        var confirmed = await caller.CallAsync(HttpMethod.Post, "/account/totp/confirm", user.Token, new { code });
        Assert.Equal(200, confirmed.Status);
        await database.ForgetStepAsync(user.UserId);
        return new TwoStepUser(user, secret, confirmed);
    }

    public static async Task<TwoStepUser> SignUpWithTotpAsync(this Caller caller, Database database) =>
        await caller.EnableTotpAsync(await caller.SignUpAsync(), database);

    /// <summary>Lets the present codes be used again.</summary>
    public static Task<int> ForgetStepAsync(this Database database, Guid userId) =>
        database.ExecuteAsync("UPDATE totp_secrets SET last_step = 0 WHERE user_id = $1", userId);

    /// <summary>Gives the right password, which must not be enough.</summary>
    /// <returns>The login token.</returns>
    public static async Task<string> BeginLoginAsync(this Caller caller, SignedIn user, string? cookie = null)
    {
        var answer = await caller.LoginAsync(user.Username, user.Password, cookie);
        Assert.Equal((401, "second_factor_required"), (answer.Status, answer.Code));
        return answer.Member("login_token")!;
    }

    public static Task<Answer> LoginTotpAsync(this Caller caller, string loginToken, string code, bool trustDevice = false) =>
        caller.PostAsync("/login/totp", new { login_token = loginToken, code, trust_device = trustDevice });

    public static Task<Answer> LoginRecoveryCodeAsync(this Caller caller, string loginToken, string code) =>
        caller.PostAsync("/login/recovery-code", new { login_token = loginToken, code });

    /// <summary>Adds the row of a passkey that nobody holds.</summary>
    public static Task<int> AddPasskeyRowAsync(this Database database, Guid userId) => database.ExecuteAsync(
        """
        INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible, is_backed_up,
            created_at)
        VALUES (gen_random_uuid(), $1, sha256($2), sha256($2), 'a key', 0, '{}', false, false, now())
        """,
        userId, Guid.NewGuid().ToByteArray());

    /// <summary>Reads base32.</summary>
    public static byte[] Decode(string base32)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(base32.Select(c => Convert.ToString(Alphabet.IndexOf(c, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        return [.. Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2))];
    }
}
