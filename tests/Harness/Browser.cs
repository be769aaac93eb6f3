using System.Net.Http.Json;

namespace AuthMesh.Tests.Harness;

/// <summary>What a browser does for a page of our own: it keeps the session cookie and sends it along, and says where requests come from.</summary>
public sealed class Browser(Caller caller)
{
    private readonly List<string> setCookies = [];

    /// <summary>Name and value, or null where there is none.</summary>
    public string? Cookie { get; set; }

    /// <summary>Every Set-Cookie that came back, as it stood.</summary>
    public IReadOnlyList<string> SetCookies => setCookies;

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<Answer> PostAsync(string path, object? body = null) => SendAsync(HttpMethod.Post, path, body);

    public async Task<Answer> SendAsync(HttpMethod method, string path, object? body = null)
    {
        var answer = await caller.SendAsync(method, path, body is null ? null : JsonContent.Create(body), request =>
        {
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
            if (Cookie is not null)
            {
                request.Headers.Add("Cookie", Cookie);
            }
        });
        foreach (var setCookie in answer.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
        {
            setCookies.Add(setCookie);
            Cookie = setCookie.Contains("max-age=0", StringComparison.OrdinalIgnoreCase) ? null : setCookie.Split(';')[0];
        }

        return answer;
    }
}
