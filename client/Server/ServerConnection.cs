using System.Net.Http.Headers;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Server;

internal sealed class ServerConnection(ServerAddress server) : IDisposable
{
    private const int LargestAnswer = 1024 * 1024; // bytes; AuthMesh's largest answer is a page of users

    private readonly HttpClient http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // a redirect must not carry a token or password to another server
        UseCookies = false, // a request that needs a cookie sets it itself
        UseProxy = !server.IsLoopback, // a proxy cannot reach this machine's own ports
    })
    {
        BaseAddress = server.Origin,
        Timeout = Timeout.InfiniteTimeSpan, // each request has its own limit
        MaxResponseContentBufferSize = LargestAnswer,
        DefaultRequestHeaders =
        {
            Accept = { new MediaTypeWithQualityHeaderValue("application/json") },
            UserAgent = { new ProductInfoHeaderValue("authmesh", Version()) },
        },
    };

    public async Task<Answer> SendAsync(Request request, CancellationToken cancellation)
    {
        using var message = MessageFor(request);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(request.Patience);
        try
        {
            using var response = await http.SendAsync(message, patience.Token);
            return await Answer.ReadAsync(response, patience.Token);
        }
        catch (Exception exception) when (NoAnswer.Explains(exception))
        {
            throw NoAnswer.From(exception, server);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw NoAnswer.InTime(server, request.Patience);
        }
    }

    /// <summary>Sends a request whose answer does not end by itself.</summary>
    /// <returns>The answer, of which only the headers are read.</returns>
    public async Task<HttpResponseMessage> OpenAsync(Request request, CancellationToken cancellation)
    {
        using var message = MessageFor(request);
        try
        {
            return await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation)
                .WaitAsync(request.Patience, cancellation);
        }
        catch (Exception exception) when (NoAnswer.Explains(exception))
        {
            throw NoAnswer.From(exception, server);
        }
        catch (TimeoutException)
        {
            throw NoAnswer.InTime(server, request.Patience);
        }
    }

    public void Dispose() => http.Dispose();

    private static HttpRequestMessage MessageFor(Request request)
    {
        var message = new HttpRequestMessage(request.Method, request.Path);
        if (request.Token is not null)
        {
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", request.Token);
        }

        if (request.Cookie is not null)
        {
            message.Headers.Add("Cookie", request.Cookie);
        }

        if (request.Body is not null)
        {
            // As bytes, so that the request has a Content-Length: JsonContent would stream it in chunks, which some proxies refuse.
            message.Content = new ByteArrayContent(request.Body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(request.BodyType);
        }

        return message;
    }

    private static string Version() => typeof(ServerConnection).Assembly.GetName().Version!.ToString(fieldCount: 3);
}
