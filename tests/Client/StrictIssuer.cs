using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>
/// A fake mesh with one session, for behaviour that a real mesh does not show on demand. It accepts each refresh token once, while a
/// real mesh accepts one again for half a minute, so that it catches a client that uses one twice.
/// </summary>
internal sealed class StrictIssuer
{
    private int counter;

    /// <summary>Whether the client's first access token is still valid.</summary>
    public bool TakesFirstToken { get; init; }

    /// <summary>Whether the access tokens of a refresh are valid.</summary>
    public bool TakesFreshTokens { get; init; } = true;

    /// <summary>Answers a refresh instead of the issuer, which then does not see it. Null leaves it to the issuer.</summary>
    public Func<HttpResponse, Task>? InsteadOfRefresh { get; set; }

    /// <summary>Runs before the issuer checks a refresh.</summary>
    public Func<Task> BeforeRefresh { get; init; } = () => Task.CompletedTask;

    /// <summary>The client's first session file.</summary>
    /// <param name="server">This issuer's origin.</param>
    /// <param name="validFor">For how many seconds the client believes its access token to be valid.</param>
    /// <param name="refreshToken">Null for a file of the client's first version.</param>
    public static string FileFor(string server, int validFor, string? refreshToken = "refresh-0")
    {
        var expiry = TimeProvider.System.GetUtcNow().AddSeconds(validFor).ToString("O");
        var refresh = refreshToken is null ? ""
            : $$""","refresh_token":"{{refreshToken}}","refresh_expires_at":"2100-01-01T00:00:00+00:00" """;
        return $$$"""
            {"servers":{"{{{server}}}":{"username":"somebody","token":"access-0","expires_at":"{{{expiry}}}"{{{refresh}}}}},
            "last_server":"{{{server}}}"}
            """;
    }

    public static string TokensOf(int number) => $$"""
        {"status":"success","message":"Welcome somebody!","token":"access-{{number}}","token_type":"Bearer","expires_in":1800,
        "refresh_token":"refresh-{{number}}","refresh_expires_in":1209600}
        """;

    public async Task AnswerAsync(RecordedRequest request, HttpResponse response)
    {
        if (request.Line == "POST /refresh")
        {
            await (InsteadOfRefresh?.Invoke(response) ?? RefreshAsync(request, response));
            return;
        }

        var current = Volatile.Read(ref counter);
        var isGood = request.Authorization == $"Bearer access-{current}" && (current == 0 ? TakesFirstToken : TakesFreshTokens);
        await (isGood
            ? response.SayAsync(200, """{"status":"success","message":"You are in","role":"user"}""")
            : response.RefuseAsync(401, "invalid_token", "Invalid or expired token"));
    }

    private async Task RefreshAsync(RecordedRequest request, HttpResponse response)
    {
        await BeforeRefresh();
        var current = Volatile.Read(ref counter);
        var isTaken = request.Body == $$"""{"refresh_token":"refresh-{{current}}"}"""
            && Interlocked.CompareExchange(ref counter, current + 1, current) == current;
        await (isTaken
            ? response.SayAsync(200, TokensOf(current + 1))
            : response.RefuseAsync(401, "invalid_refresh_token", "Invalid or expired refresh token"));
    }
}
