using System.Net;
using System.Net.Sockets;
using AuthMesh.Logs;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Issuer;

/// <summary>
/// Reaches the identity service at its inner addresses, with the credential that the services share. It never calls another address,
/// even if a token or the issuer's metadata names one.
/// </summary>
public sealed class IssuerConnection : IDisposable
{
    /// <summary>The header of the service credential. The gateway never forwards it from a client.</summary>
    public const string ServiceKeyHeader = "AuthMesh-Service-Key";

    // Per attempt. Inner hosts answer quickly or not at all, and a request may be waiting for the answer.
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(3);

    private readonly HttpClient http;
    private volatile int first; // index of the address that answered last

    /// <summary>Create one instance per process.</summary>
    public IssuerConnection(IOptions<AuthMeshOptions> options)
    {
        var mesh = options.Value;
        Origins = [.. mesh.IdentityOrigins.Select(origin => new Uri(origin))];
        http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false, // a proxy from the environment is for the way to the internet
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            PooledConnectionLifetime = TimeSpan.FromMinutes(1), // finds a replica that moved
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // each call sets its own limit: the feed never ends
            MaxResponseContentBufferSize = 256 * 1024, // 400 keys: 70 minutes of rotation every 10 s
        };
        http.DefaultRequestHeaders.Add(ServiceKeyHeader, Secret.Read(mesh.ServiceKey, mesh.ServiceKeyFile));
    }

    /// <summary>One origin for each configured address.</summary>
    public IReadOnlyList<Uri> Origins { get; }

    /// <summary>
    /// Sends the request to one replica, and to the next one if that does not answer or answers 5xx. Use it only for idempotent requests.
    /// </summary>
    /// <param name="createRequest">Creates the request for each attempt; its address is a path.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The first answer below 500, or else the last answer. Its body is fully read.</returns>
    /// <exception cref="HttpRequestException">No replica answered in time.</exception>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> createRequest, CancellationToken cancellationToken)
    {
        var start = first;
        for (var attempt = 0; ; attempt++)
        {
            var index = (start + attempt) % Origins.Count;
            var isLast = attempt == Origins.Count - 1;
            using var request = createRequest();
            request.RequestUri = new Uri(Origins[index], request.RequestUri!);
            RequestTrace.AddTo(request.Headers);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(AttemptTimeout);
            try
            {
                var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, patience.Token);
                if (isLast || response.StatusCode < HttpStatusCode.InternalServerError)
                {
                    first = index;
                    return response;
                }

                response.Dispose();
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                if (isLast)
                {
                    throw new HttpRequestException($"{Origins[index]} did not answer within {AttemptTimeout.TotalSeconds:0} s.");
                }
            }
            catch (HttpRequestException) when (!isLast)
            {
                // the next replica may answer
            }
        }
    }

    /// <summary>Starts the next request at another replica, because this one's answer was incomplete.</summary>
    internal void TurnToNext() => first = (first + 1) % Origins.Count;

    /// <summary>Opens an answer that does not end by itself. The caller reads and disposes it.</summary>
    internal async Task<HttpResponseMessage> OpenAsync(Uri address, string? lastEventId, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (!string.IsNullOrEmpty(lastEventId))
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        return await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        try
        {
            return await http.SendAsync(request, completion, cancellationToken);
        }
        catch (SocketException exception) // SocketsHttpHandler wraps every other failure, but not the reset of a connection just made
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, exception.Message, exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();
}
