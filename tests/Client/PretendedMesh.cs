using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>Answers a tour like a mesh, except for the faults that a test sets: one user, one admin, one session each.</summary>
internal sealed class PretendedMesh
{
    private string? user;
    private int tokens, codes, requestsSinceLogout = -1;
    private bool isTwoStep;
    private readonly TaskCompletionSource loggedOut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many requests after a logout still pass; null for all.</summary>
    public int? LogoutIsHeardAfter { get; init; } = 0;

    /// <summary>Whether a refresh returns the token that the client already has.</summary>
    public bool RefreshRepeatsItself { get; init; }

    public Task AnswerAsync(RecordedRequest request, HttpResponse response)
    {
        var body = request.Body is "" ? default : JsonElement.Parse(request.Body);
        var isAdmin = request.Authorization?.StartsWith("Bearer admin.", StringComparison.Ordinal) == true;
        return request.Line switch
        {
            "GET /health/ready" => SayAsync(response, "Ready"),
            "POST /register" when user is null => SayAsync(response, $"User {user = body.Member("username")} registered successfully"),
            "POST /register" => response.RefuseAsync(409, "username_taken", "Username already exists"),
            "POST /login" when body.Member("password") == "not-the-password" =>
                response.RefuseAsync(401, "invalid_credentials", "Invalid credentials"),
            "POST /login" when isTwoStep && body.Member("username") == user => response.SayAsync(
                401,
                """
                {"status":"error","message":"Enter a code of your authenticator app, or use another way","code":"second_factor_required",
                "traceId":"0123456789abcdef0123456789abcdef","login_token":"l","methods":["totp","recovery_code"],"expires_in":600}
                """),
            "POST /login" => LoginAsync(response, body.Member("username")!),
            "POST /login/totp" when codes++ == 0 => response.RefuseAsync(401, "wrong_code", "The code is wrong, or was used before"),
            "POST /login/totp" or "POST /login/recovery-code" => LoginAsync(response, user!),
            "POST /refresh" when HasHeardOfLogout() =>
            response.RefuseAsync(401, "invalid_refresh_token", "Invalid or expired refresh token"),
            "POST /refresh" => TokensAsync(response, user!, RefreshRepeatsItself ? tokens : ++tokens),
            "POST /logout" => LogoutAsync(response),
            _ when request is { Authorization: null, Cookie: null } =>
            response.RefuseAsync(401, "missing_token", "Missing or invalid token"),
            "GET /admin" when isAdmin => SayAsync(response, "Welcome to the admin panel, admin!"),
            "GET /protected" when isAdmin => SayAsync(response, "You are viewing protected content, admin!", ""","role":"admin" """),
            _ when !IsMine(request) || HasHeardOfLogout() => response.RefuseAsync(401, "invalid_token", "Invalid or expired token"),
            "GET /admin" => response.RefuseAsync(403, "forbidden", "Admin access required"),
            "GET /events" => StreamAsync(response),
            "POST /account/totp" => SayAsync(
                response, "Add the secret to your authenticator app, and confirm its first code",
                ""","secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","otpauth_uri":"otpauth://totp/a:b" """),
            "POST /account/totp/confirm" => ConfirmAsync(response),
            "DELETE /account/totp" => RemoveAsync(response),
            _ => SayAsync(response, $"You are viewing protected content, {user}!", ""","role":"user" """),
        };
    }

    private static Task SayAsync(HttpResponse response, string message, string more = "") =>
        response.SayAsync(200, $$"""{"status":"success","message":"{{message}}"{{more}}}""");

    private static Task TokensAsync(HttpResponse response, string username, int number)
    {
        var header = username == "admin" ? "admin" : "user";
        return SayAsync(
            response, $"Welcome {username}!",
            $""","token":"{header}.e30.{number}","expires_in":1800,"refresh_token":"r","refresh_expires_in":9""");
    }

    private Task LoginAsync(HttpResponse response, string username)
    {
        response.Headers.Append("Set-Cookie", "authmesh-device=another; Path=/login");
        response.Headers.Append("Set-Cookie", "__Host-authmesh=mine; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=7776000");
        return TokensAsync(response, username, ++tokens);
    }

    private Task ConfirmAsync(HttpResponse response)
    {
        isTwoStep = true;
        return SayAsync(
            response, "Your authenticator app is on",
            $""","token":"user.e30.{++tokens}","expires_in":1800,"recovery_codes":["aaaaa-aaaaa"]""");
    }

    private Task RemoveAsync(HttpResponse response)
    {
        isTwoStep = false;
        return SayAsync(response, "Authenticator app removed");
    }

    private async Task StreamAsync(HttpResponse response)
    {
        response.ContentType = "text/event-stream";
        await response.WriteAsync($"data: You are watching as {user}\n\n");
        await response.Body.FlushAsync();
        await loggedOut.Task.WaitAsync(response.HttpContext.RequestAborted);
        response.HttpContext.Abort();
    }

    private Task LogoutAsync(HttpResponse response)
    {
        requestsSinceLogout = 0;
        if (LogoutIsHeardAfter is not null)
        {
            loggedOut.SetResult();
        }

        return SayAsync(response, "Logged out successfully");
    }

    private bool IsMine(RecordedRequest request) =>
        request is { Authorization: null, Cookie: "__Host-authmesh=mine" } || request.Authorization == $"Bearer user.e30.{tokens}";

    private bool HasHeardOfLogout() => requestsSinceLogout >= 0 && requestsSinceLogout++ >= (LogoutIsHeardAfter ?? int.MaxValue);
}
