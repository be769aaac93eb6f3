using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>Answers a tour like a mesh, except for the faults that a test sets: one user, one admin, one session each.</summary>
internal sealed class PretendedMesh
{
    private string? user;
    private int tokens, requestsSinceLogout = -1;

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
            "POST /login" => LoginAsync(response, body.Member("username")!),
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

    private Task LogoutAsync(HttpResponse response)
    {
        requestsSinceLogout = 0;
        return SayAsync(response, "Logged out successfully");
    }

    private bool IsMine(RecordedRequest request) =>
        request is { Authorization: null, Cookie: "__Host-authmesh=mine" } || request.Authorization == $"Bearer user.e30.{tokens}";

    private bool HasHeardOfLogout() => requestsSinceLogout >= 0 && requestsSinceLogout++ >= (LogoutIsHeardAfter ?? int.MaxValue);
}
