using System.Net.Http.Headers;
using System.Text.Json;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Server;

internal sealed class ServerConnection(ServerAddress server) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10); // for the whole answer; a login's hash takes a quarter second
    private const int LargestAnswer = 1024 * 1024; // bytes; the largest that AuthMesh gives is a page of users

    private readonly HttpClient http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // a redirect must not carry a token or password to another server
        UseCookies = false,
        UseProxy = !server.IsLoopback, // a proxy cannot reach this machine's own ports
    })
    {
        BaseAddress = server.Origin,
        Timeout = Patience,
        MaxResponseContentBufferSize = LargestAnswer,
        DefaultRequestHeaders =
        {
            Accept = { new MediaTypeWithQualityHeaderValue("application/json") },
            UserAgent = { new ProductInfoHeaderValue("authmesh", Version()) },
        },
    };

    public async Task<Answer> PostAsync(string path, Credentials credentials, CancellationToken cancellation)
    {
        // As bytes, so that the request says its length: JsonContent would stream it in chunks, which some proxies refuse.
        var body = JsonSerializer.SerializeToUtf8Bytes(credentials, ClientJson.Default.Credentials);
        using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        return await SendAsync(request, cancellation);
    }

    public async Task<Answer> GetAsync(string path, string? token, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return await SendAsync(request, cancellation);
    }

    public void Dispose() => http.Dispose();

    private async Task<Answer> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            using var response = await http.SendAsync(request, cancellation);
            return await Answer.ReadAsync(response, cancellation);
        }
        catch (HttpRequestException exception)
        {
            throw NoAnswer.From(exception, server);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw NoAnswer.InTime(server, Patience);
        }
    }

    private static string Version() => typeof(ServerConnection).Assembly.GetName().Version!.ToString(fieldCount: 3);
}
