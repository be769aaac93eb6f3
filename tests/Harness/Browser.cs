using System.Net.Http.Json;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// Acts like a browser on a page of our own: it stores cookies, sends them, and says where requests come from.
/// </summary>
public sealed class Browser(Caller caller)
{
    private readonly List<string> setCookies = [];

    /// <summary>The session cookie's name and value, or null.</summary>
    public string? Cookie { get; set; }

    /// <summary>The device cookie's.</summary>
    public string? DeviceCookie { get; set; }

    /// <summary>Every Set-Cookie header that came back, unchanged.</summary>
    public IReadOnlyList<string> SetCookies => setCookies;

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<Answer> PostAsync(string path, object? body = null) => SendAsync(HttpMethod.Post, path, body);

    public async Task<Answer> SendAsync(HttpMethod method, string path, object? body = null)
    {
        var answer = await caller.SendAsync(method, path, body is null ? null : JsonContent.Create(body), request =>
        {
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
            if (string.Join("; ", new[] { Cookie, DeviceCookie }.OfType<string>()) is { Length: > 0 } cookies)
            {
                request.Headers.Add("Cookie", cookies);
            }
        });
        foreach (var setCookie in answer.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
        {
            setCookies.Add(setCookie);
            var kept = setCookie.Contains("max-age=0", StringComparison.OrdinalIgnoreCase) ? null : setCookie.Split(';')[0];
            (Cookie, DeviceCookie) = setCookie.Contains("-device=", StringComparison.Ordinal) ? (Cookie, kept) : (kept, DeviceCookie);
        }

        return answer;
    }
}
