using System.Globalization;
using System.Net.Http.Json;
using AuthMesh.Issuer;
using AuthMesh.Tests.Harness;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Sessions;

/// <summary>A signed-in user and the answer to the login.</summary>
public sealed record SignedIn(string Username, string Password, Answer Answer)
{
    public string Token => Answer.Token;

    public string RefreshToken => Answer.RefreshToken();

    public string Cookie => Answer.Cookie()!;

    public Guid SessionId => Answer.AccessToken().SessionId();

    public Guid UserId => Answer.AccessToken().UserId();
}

internal static class SessionCalls
{
    public const string Password = "a password for a test";

    public static string RefreshToken(this Answer answer) =>
        answer.Member("refresh_token") ?? throw new InvalidOperationException($"No refresh token in {answer.Status} {answer.Code}");

    public static JsonWebToken AccessToken(this Answer answer) => new(answer.Token);

    public static Guid SessionId(this JsonWebToken token) => Guid.Parse(token.GetClaim("sid").Value);

    public static Guid UserId(this JsonWebToken token) => Guid.Parse(token.Subject);

    public static int Epoch(this JsonWebToken token) => int.Parse(token.GetClaim("epoch").Value, CultureInfo.InvariantCulture);

    /// <summary>The session cookie's value; empty if the answer clears it; null if the answer does not mention it.</summary>
    public static string? Cookie(this Answer answer) =>
        answer.Header("Set-Cookie")?.Split(';')[0] is { } pair ? pair[(pair.IndexOf('=', StringComparison.Ordinal) + 1)..] : null;

    /// <summary>The device cookie's name and value; null if the answer does not mention it.</summary>
    public static string? DeviceCookie(this Answer answer) => answer.Headers.TryGetValues("Set-Cookie", out var cookies)
        ? cookies.Select(cookie => cookie.Split(';')[0]).FirstOrDefault(pair => pair.Contains("-device=", StringComparison.Ordinal))
        : null;

    public static Task<Answer> RefreshAsync(this Caller caller, string refreshToken) =>
        caller.PostAsync("/refresh", new { refresh_token = refreshToken });

    public static Task<Answer> LogoutAsync(this Caller caller, string? token = null, object? body = null) =>
        caller.CallAsync(HttpMethod.Post, "/logout", token, body);

    public static Task<Answer> ChangePasswordAsync(this Caller caller, string token, string current, string next) =>
        caller.CallAsync(HttpMethod.Post, "/account/password", token, new { current_password = current, new_password = next });

    public static Task<Answer> DeleteAccountAsync(this Caller caller, string token, string password) =>
        caller.CallAsync(HttpMethod.Delete, "/account", token, new { current_password = password });

    /// <summary>Exchanges a cookie, as the gateway does for a browser.</summary>
    public static Task<Answer> ExchangeAsync(this Caller identity, object body, string serviceKey = ProductionMesh.ServiceKey) =>
        identity.SendAsync(
        HttpMethod.Post, "/internal/exchange", JsonContent.Create(body),
        request => request.Headers.Add(IssuerConnection.ServiceKeyHeader, serviceKey));

    /// <summary>A login from a device that sends a cookie.</summary>
    public static Task<Answer> LoginAsync(
        this Caller caller, string username, string password, string? cookie, Action<HttpRequestMessage>? change = null) =>
        caller.SendAsync(HttpMethod.Post, "/login", JsonContent.Create(new { username, password }), request =>
        {
            if (cookie is not null)
            {
                request.Headers.Add("Cookie", cookie);
            }

            change?.Invoke(request);
        });

    public static Task<Answer> CallAsync(this Caller caller, HttpMethod method, string path, string? token, object? body = null) =>
        caller.SendAsync(method, path, body is null ? null : JsonContent.Create(body), request =>
        {
            if (token is not null)
            {
                request.Headers.Authorization = new("Bearer", token);
            }
        });

    /// <summary>Registers a new user and signs in.</summary>
    public static async Task<SignedIn> SignUpAsync(this Caller caller)
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await caller.RegisterAsync(name, Password)).Status);
        return await caller.SignInAsync(name, Password);
    }

    public static async Task<SignedIn> SignInAsync(this Caller caller, string username, string password)
    {
        var answer = await caller.LoginAsync(username, password);
        Assert.Equal(200, answer.Status);
        return new SignedIn(username, password, answer);
    }

    public static Task<SignedIn> SignInAgainAsync(this Caller caller, SignedIn user) => caller.SignInAsync(user.Username, user.Password);

    public static Task<Answer> ReauthenticateAsync(this Caller caller, string token, string password) =>
        caller.CallAsync(HttpMethod.Post, "/account/reauthenticate", token, new { password });

    /// <summary>Makes a session's proofs older. Tokens that are minted afterwards say so.</summary>
    public static async Task AgeProofAsync(this Database database, Guid sessionId, TimeSpan age) => Assert.Equal(
        1, await database.ExecuteAsync(
            "UPDATE sessions SET methods = jsonb_build_object('pwd', floor(extract(epoch FROM now() - $2))::bigint) WHERE id = $1",
            sessionId, age));

    /// <summary>Makes one session's last step older.</summary>
    public static async Task AgeStepAsync(this Database database, Guid sessionId, int seconds) =>
        Assert.Equal(1, await database.ExecuteAsync(
        "UPDATE sessions SET refreshed_at = refreshed_at - make_interval(secs => $2) WHERE id = $1", sessionId, (double)seconds));

    public static Task<bool> HasEndedAsync(this Database database, Guid sessionId) =>
        database.ScalarAsync<bool>("SELECT ended_at IS NOT NULL FROM sessions WHERE id = $1", sessionId);

    public static Task<int> CounterAsync(this Database database, Guid sessionId) =>
        database.ScalarAsync<int>("SELECT refresh_counter FROM sessions WHERE id = $1", sessionId);

    /// <summary>Whether the revocation log tells every verifier to refuse this token.</summary>
    public static Task<bool> IsRevokedAsync(this Database database, JsonWebToken token) => database.ScalarAsync<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM revocations WHERE
            kind = 'session-ended' AND subject = $1 OR kind = 'user-below-epoch' AND subject = $2 AND epoch > $3
            OR kind = 'application-below-epoch' AND subject = $4 AND epoch > $5)
        """,
        token.SessionId().ToString(), token.Subject, token.Epoch(),
        token.TryGetPayloadValue<string>("client_id", out var client) ? client : "",
        token.TryGetPayloadValue<int>("client_epoch", out var epoch) ? epoch : 0);
}
