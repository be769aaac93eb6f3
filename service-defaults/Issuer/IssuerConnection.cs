using System.Net;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Issuer;

/// <summary>
/// The identity service as the other services reach it: at its inner addresses, with the credential that they share. Nothing else is
/// ever asked, whatever a token or the issuer's metadata say.
/// </summary>
public sealed class IssuerConnection : IDisposable
{
    /// <summary>The header of the service credential. The gateway lets nobody send it through.</summary>
    public const string ServiceKeyHeader = "AuthMesh-Service-Key";

    // One attempt: inner hosts are near or gone, and somebody may be waiting for the answer.
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(3);

    private readonly HttpClient http;
    private volatile int first; // of the addresses: the one that answered last

    /// <summary>Made once for each process.</summary>
    public IssuerConnection(IOptions<AuthMeshOptions> options)
    {
        var mesh = options.Value;
        Origins = [.. mesh.IdentityOrigins.Select(origin => new Uri(origin))];
        http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false, // whatever the environment says about the way to the internet
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            PooledConnectionLifetime = TimeSpan.FromMinutes(1), // a replica that moved is found again
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // each call bounds itself: the feed never ends
            MaxResponseContentBufferSize = 256 * 1024, // 400 keys: those of 70 minutes where they rotate every 10 s
        };
        http.DefaultRequestHeaders.Add(ServiceKeyHeader, Secret.Read(mesh.ServiceKey, mesh.ServiceKeyFile));
    }

    /// <summary>One for each configured address.</summary>
    public IReadOnlyList<Uri> Origins { get; }

    /// <summary>
    /// Asks one replica, and where it does not answer or answers 5xx the next. Only for what may be asked twice.
    /// </summary>
    /// <param name="createRequest">Makes the request anew for each attempt; its address is a path.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The first answer below 500, or the last of the others; read to its end.</returns>
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
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(AttemptTimeout);
            try
            {
                var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, patience.Token);
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
                // the next one may answer
            }
        }
    }

    /// <summary>The next question goes to another replica first: this one's answer was not what it should be.</summary>
    internal void TurnToNext() => first = (first + 1) % Origins.Count;

    /// <summary>Opens an answer that does not end by itself; the caller reads and disposes of it.</summary>
    internal async Task<HttpResponseMessage> OpenAsync(Uri address, string? lastEventId, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (!string.IsNullOrEmpty(lastEventId))
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();
}
