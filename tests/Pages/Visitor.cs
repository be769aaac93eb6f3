using System.Net.Http.Headers;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>Opens pages and sends forms as a browser does, without being one: it keeps cookies and follows no redirect.</summary>
public sealed class Visitor(Caller gateway, string origin)
{
    private readonly Dictionary<string, string> cookies = [];

    public IReadOnlyDictionary<string, string> Cookies => cookies;

    public string? Language { get; set; }

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null, _ => { });

    public Task<Answer> PostAsync(string path, params (string Name, string Value)[] fields) => PostAsync(path, FromOwnPage, fields);

    public Task<Answer> PostAsync(string path, Action<HttpRequestMessage> change, params (string Name, string Value)[] fields) =>
        PostRawAsync(
            path, string.Join('&', fields.Select(field => $"{Uri.EscapeDataString(field.Name)}={Uri.EscapeDataString(field.Value)}")),
            change);

    public Task<Answer> PostRawAsync(string path, string body, Action<HttpRequestMessage>? change = null) =>
        PostRawAsync(path, Encoding.UTF8.GetBytes(body), "application/x-www-form-urlencoded", change ?? FromOwnPage);

    public Task<Answer> PostRawAsync(string path, byte[] body, string contentType, Action<HttpRequestMessage>? change = null)
    {
        var content = new ByteArrayContent(body) { Headers = { ContentType = MediaTypeHeaderValue.Parse(contentType) } };
        return SendAsync(HttpMethod.Post, path, content, change ?? FromOwnPage);
    }

    /// <summary>The headers of a form that a page of the origin sends.</summary>
    public void FromOwnPage(HttpRequestMessage request)
    {
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        request.Headers.Add("Sec-Fetch-Mode", "navigate");
        request.Headers.Add("Sec-Fetch-Dest", "document");
    }

    private async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content, Action<HttpRequestMessage> change)
    {
        var answer = await gateway.SendAsync(method, path, content, request =>
        {
            request.Headers.Add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
            request.Headers.Add("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
            if (Language is not null)
            {
                request.Headers.TryAddWithoutValidation("Accept-Language", Language);
            }

            if (cookies.Count > 0)
            {
                request.Headers.Add("Cookie", string.Join("; ", cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
            }

            change(request);
        });
        foreach (var setCookie in answer.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
        {
            var (name, value) = setCookie.Split(';')[0].Split('=', 2) is [var left, var right] ? (left, right) : ("", "");
            if (setCookie.Contains("max-age=0", StringComparison.OrdinalIgnoreCase))
            {
                cookies.Remove(name);
            }
            else
            {
                cookies[name] = value;
            }
        }

        return answer;
    }
}
