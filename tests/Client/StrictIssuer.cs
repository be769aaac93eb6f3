using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>
/// A pretended mesh with one session, for what the real one does not do at will. It takes each refresh token once, where the real
/// one forgives for half a minute, so that a client which trades one twice is found out.
/// </summary>
internal sealed class StrictIssuer
{
    private int counter;

    /// <summary>Whether the access token that the client begins with is still good.</summary>
    public bool TakesFirstToken { get; init; }

    /// <summary>Whether those of a refresh are good.</summary>
    public bool TakesFreshTokens { get; init; } = true;

    /// <summary>Answers a refresh in place of the issuer, which then has not seen it; null leaves it to the issuer.</summary>
    public Func<HttpResponse, Task>? InsteadOfRefresh { get; set; }

    /// <summary>Runs before a refresh is looked at.</summary>
    public Func<Task> BeforeRefresh { get; init; } = () => Task.CompletedTask;

    /// <summary>What the client's file holds to begin with.</summary>
    /// <param name="server">This issuer's origin.</param>
    /// <param name="validFor">How long, in seconds, the client believes that its access token is good.</param>
    /// <param name="refreshToken">Null as the client's first version wrote it.</param>
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
