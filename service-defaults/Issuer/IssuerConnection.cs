using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using AuthMesh.Logs;
using AuthMesh.Replicas;
using AuthMesh.Settings;
using AuthMesh.Tls;
using Microsoft.Extensions.Options;

namespace AuthMesh.Issuer;

/// <summary>
/// Reaches the identity service at its inner addresses, with the credential that the services share. It never calls another address,
/// even if a token or the issuer's metadata names one. A program outside of the mesh has no such credential, and asks at the public origin.
/// </summary>
public sealed class IssuerConnection : IDisposable
{
    /// <summary>The header of the service credential. The gateway never forwards it from a client.</summary>
    public const string ServiceKeyHeader = "AuthMesh-Service-Key";

    // A name may have any number of addresses, and no route's timeout ends the wait of a session cookie.
    private const int MaximumAttempts = 3;

    // Per attempt. Inner hosts answer quickly or not at all, and a request may be waiting for the answer.
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(3);

    private readonly Uri[] origins;
    private readonly NameAddresses? names;
    private readonly HttpClient http;
    private volatile KnownReplicas known;
    private volatile Replica? first; // the one that answered last

    /// <summary>Create one instance per process.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="names">
    /// Follows names inside the mesh. Null in a program outside: the addresses behind a public name change often, and are no replicas.
    /// </param>
    internal IssuerConnection(IOptions<AuthMeshOptions> options, NameAddresses? names)
    {
        var mesh = options.Value;
        this.names = names;
        var isOutside = names is null;
        IReadOnlyList<string> configured = isOutside && mesh.IdentityUrl.Length == 0 ? [mesh.Issuer] : mesh.IdentityOrigins;
        origins = [.. configured.Select(origin => new Uri(origin))];
        known = FindReplicas(); // begins to follow the names
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false, // a proxy from the environment is for the way to the internet
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            PooledConnectionLifetime = TimeSpan.FromMinutes(1), // finds a replica that moved behind its address
        };
        new InnerTrust(mesh.Tls.RootCertificateFile).ApplyTo(handler.SslOptions);
        http = new HttpClient(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan, // each call sets its own limit: the feed never ends
            MaxResponseContentBufferSize = 256 * 1024, // 400 keys: 70 minutes of rotation every 10 s
        };
        if (!isOutside)
        {
            http.DefaultRequestHeaders.Add(ServiceKeyHeader, Secret.Read(mesh.ServiceKey, mesh.ServiceKeyFile));
        }
    }

    /// <summary>
    /// The replicas known now: one for each address of each configured name. A name without a known address is one itself.
    /// </summary>
    internal IReadOnlyList<Replica> Replicas
    {
        get
        {
            if (known.Until.IsCancellationRequested)
            {
                known = FindReplicas();
            }

            return known.Replicas;
        }
    }

    /// <summary>Canceled when <see cref="Replicas"/> may have changed. Read it before them.</summary>
    internal CancellationToken ReplicasChanged => names?.Changed ?? CancellationToken.None;

    /// <summary>
    /// Sends the request to one replica, and to the next one, at most two more, if that does not answer or answers 5xx. Use it only for
    /// idempotent requests.
    /// </summary>
    /// <param name="createRequest">Creates the request for each attempt; its address is a path.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The first answer below 500, or else the last answer. Its body is fully read.</returns>
    /// <exception cref="HttpRequestException">No replica answered in time.</exception>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> createRequest, CancellationToken cancellationToken)
    {
        var replicas = Replicas;
        var start = IndexOfFirst(replicas);
        for (var attempt = 0; ; attempt++)
        {
            var replica = replicas[(start + attempt) % replicas.Count];
            var isLast = attempt == Math.Min(replicas.Count, MaximumAttempts) - 1;
            using var request = createRequest();
            Address(request, replica);
            RequestTrace.AddTo(request.Headers);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(AttemptTimeout);
            try
            {
                var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, patience.Token);
                if (isLast || response.StatusCode < HttpStatusCode.InternalServerError)
                {
                    first = replica;
                    return response;
                }

                response.Dispose();
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                if (isLast)
                {
                    throw new HttpRequestException($"{replica.Address} did not answer within {AttemptTimeout.TotalSeconds:0} s.");
                }
            }
            catch (HttpRequestException) when (!isLast)
            {
                // the next replica may answer
            }
        }
    }

    /// <summary>Starts the next request at another replica, because this one's answer was incomplete.</summary>
    internal void TurnToNext()
    {
        var replicas = Replicas;
        first = replicas[(IndexOfFirst(replicas) + 1) % replicas.Count];
    }

    /// <summary>Opens an answer of this replica that does not end by itself. The caller reads and disposes it.</summary>
    internal async Task<HttpResponseMessage> OpenAsync(
        Replica replica, string path, string? lastEventId, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        Address(request, replica);
        if (!string.IsNullOrEmpty(lastEventId))
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        return await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private static void Address(HttpRequestMessage request, Replica replica)
    {
        request.RequestUri = new Uri(replica.Address, request.RequestUri!);
        request.Headers.Host = replica.Host; // also the name that the certificate must have
    }

    private KnownReplicas FindReplicas()
    {
        var until = ReplicasChanged;
        return new([.. origins.SelectMany(FindReplicas)], until);
    }

    private IEnumerable<Replica> FindReplicas(Uri origin) =>
        NameAddresses.NameIn(origin) is { } name && names?.Find(name) is { Count: > 0 } addresses
            ? addresses.Select(address => Replica.At(origin, address))
            : [new Replica(origin, null)];

    private int IndexOfFirst(IReadOnlyList<Replica> replicas)
    {
        for (var i = 0; i < replicas.Count; i++)
        {
            if (replicas[i] == first)
            {
                return i;
            }
        }

        // Replicas of one name share the load. Otherwise the order is the configured one.
        return replicas[0].Host is null ? 0 : RandomNumberGenerator.GetInt32(replicas.Count);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        try
        {
            return await http.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            // The outer message only says that TLS failed.
            throw new HttpRequestException(exception.HttpRequestError, exception.GetBaseException().Message, exception);
        }
        catch (SocketException exception) // SocketsHttpHandler wraps every other failure, but not the reset of a connection just made
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, exception.Message, exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private sealed record KnownReplicas(IReadOnlyList<Replica> Replicas, CancellationToken Until);
}
