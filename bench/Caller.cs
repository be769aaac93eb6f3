using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace AuthMesh.Bench;

/// <summary>A client of one replica, over a real socket. It keeps no cookies.</summary>
internal sealed class Caller(Uri address) : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = address };

    public void Dispose() => http.Dispose();

    public async Task<HttpStatusCode> SendAsync(HttpMethod method, string path, string? token, object? body = null, string? cookie = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        if (token is not null)
        {
            request.Headers.Add("Authorization", "Bearer " + token);
        }

        if (cookie is not null)
        {
            request.Headers.Add("Cookie", cookie);
        }

        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }

    /// <summary>Sends a request that must succeed, with one header.</summary>
    public async Task<JsonElement> ReadAsync(HttpMethod method, string path, object body, (string Name, string Value) header)
    {
        using var request = new HttpRequestMessage(method, path) { Content = JsonContent.Create(body) };
        request.Headers.Add(header.Name, header.Value);
        using var answer = await http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    public async Task<(JsonElement Body, string Cookie)> PostAsync(string path, object body)
    {
        using var answer = await http.PostAsJsonAsync(path, body);
        answer.EnsureSuccessStatusCode();
        var cookie = answer.Headers.TryGetValues("Set-Cookie", out var cookies) ? cookies.First().Split(';')[0] : "";
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(), cookie);
    }
}
