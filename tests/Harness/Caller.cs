using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.OpenApi;

namespace AuthMesh.Tests.Harness;

/// <summary>A client of one address, over a real socket. It stores no cookies, follows no redirects and sends requests unchanged.</summary>
/// <param name="address">The address.</param>
/// <param name="host">The host that each request names, unless the address'.</param>
public sealed class Caller(Uri address, string? host = null) : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, UseProxy = false })
    {
        BaseAddress = address,
        Timeout = TimeSpan.FromSeconds(40),
    };

    private readonly bool isOfMesh;

    /// <summary>A client of a real service. Its answers must be those of the OpenAPI documents.</summary>
    public Caller(ServiceProcess service, string? host = null)
        : this(service.Address, host) => isOfMesh = true;

    public Uri Address => address;

    public Task<Answer> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, null, Bearer(token));

    /// <summary>Posts an anonymous object as JSON.</summary>
    public Task<Answer> PostAsync(string path, object body) => SendAsync(HttpMethod.Post, path, JsonContent.Create(body));

    /// <summary>Posts text that need not be JSON.</summary>
    public Task<Answer> PostRawAsync(string path, string body, string contentType = "application/json") => SendAsync(
        HttpMethod.Post, path,
        new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = MediaTypeHeaderValue.Parse(contentType) } });

    public async Task<Answer> SendAsync(
        HttpMethod method, string path, HttpContent? content = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Host = host;
        change?.Invoke(request);
        try
        {
            // Later it is gone.
            var (body, bodyType) = isOfMesh ? (await TextOfAsync(content), content?.Headers.ContentType?.ToString()) : default;
            using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
            var answer = await Answer.ReadAsync(response);
            if (isOfMesh)
            {
                Contract.Check(method.Method, path, body, bodyType, answer);
            }

            return answer;
        }
        catch (SocketException exception) // SocketsHttpHandler wraps every other failure, but not the reset of a connection just made
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, exception.Message, exception);
        }
    }

    public Task<Answer> RegisterAsync(string username, string password) => PostAsync("/register", new { username, password });

    public Task<Answer> LoginAsync(string username, string password) => PostAsync("/login", new { username, password });

    /// <summary>Signs in, which must succeed, and returns the access token.</summary>
    public async Task<string> TokenAsync(string username, string password)
    {
        var answer = await LoginAsync(username, password);
        Assert.Equal(200, answer.Status);
        return answer.Token;
    }

    public void Dispose() => http.Dispose();

    // Other contents are sent while they are made.
    private static async Task<string?> TextOfAsync(HttpContent? content) =>
        content is JsonContent or ByteArrayContent ? Encoding.UTF8.GetString(await content.ReadAsByteArrayAsync()) : null;

    private static Action<HttpRequestMessage> Bearer(string? token) => request =>
    {
        if (token is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        }
    };
}
