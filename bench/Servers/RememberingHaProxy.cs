using System.Net.Sockets;
using System.Text;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <summary>
/// HAProxy that does what a gateway of AuthMesh does, as far as its configuration language reaches: it verifies a token at first sight,
/// remembers it by the SHA-256 of its text, and refuses revoked sessions, which it learns while it runs. It knows one key from a file, and
/// neither <c>kid</c>, <c>nbf</c>, a user's epoch nor the form of a token.
/// </summary>
internal sealed class RememberingHaProxy : IAsyncDisposable
{
    private readonly string folder;

    private RememberingHaProxy(Server server, string folder) => (Server, this.folder) = (server, folder);

    public Server Server { get; }

    private static string MapIn(string folder) => Path.Combine(folder, "revoked.map");

    private static string SocketIn(string folder) => Path.Combine(folder, "admin.sock");

    /// <param name="keys">Publishes the key that the token names.</param>
    /// <param name="token">Any token of the issuer.</param>
    /// <param name="issuer">The issuer that a token must name.</param>
    /// <param name="upstream">The service behind it.</param>
    /// <param name="folder">For its files; a folder of its own.</param>
    public static async Task<RememberingHaProxy> StartAsync(Uri keys, string token, string issuer, Uri upstream, string folder)
    {
        var (port, key, map, file) =
            (Ports.Free(), Path.Combine(folder, "key.pem"), MapIn(folder), Path.Combine(folder, "haproxy.cfg"));
        await File.WriteAllTextAsync(key, await HaProxy.FetchPublicKeyAsync(keys, token));
        await File.WriteAllTextAsync(map, "");
        // HAProxy evaluates an acl anew wherever it stands. So `remembered` must not become true between the rules of a first sight:
        // the variable that it reads is set after all of them.
        await File.WriteAllTextAsync(file, $$"""
            global
              stats socket {{SocketIn(folder)}} mode 600 level admin
            defaults
              mode http
              timeout connect 2s
              timeout client 30s
              timeout server 30s
            # The expiry of each verified token. Without an entry, or with a 0, it was not verified.
            backend verified
              stick-table type binary len 32 size 200k expire 30m store gpt(1)
            frontend origin
              bind 127.0.0.1:{{port}}
              http-request set-var(txn.bearer) http_auth_bearer
              http-request set-var(txn.digest) var(txn.bearer),sha2(256)
              http-request set-var(txn.exp) var(txn.digest),table_gpt(0,verified)
              acl remembered var(txn.exp) -m int gt 0
              # At first sight: algorithm, signature, issuer and audience. Only a token that passes is remembered.
              http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg') unless remembered
              http-request deny deny_status 401 unless remembered or { var(txn.alg) -m str ES256 }
              http-request deny deny_status 401 unless remembered or { var(txn.bearer),jwt_verify(txn.alg,"{{key}}") -m int 1 }
              http-request deny deny_status 401 unless remembered or { var(txn.bearer),jwt_payload_query('$.iss') -m str {{issuer}} }
              http-request deny deny_status 401 unless remembered or { var(txn.bearer),jwt_payload_query('$.aud') -m str authmesh }
              http-request track-sc0 var(txn.digest) table verified unless remembered
              http-request sc-set-gpt(0,0) var(txn.bearer),jwt_payload_query('$.exp','int') unless remembered
              http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int') unless remembered
              # For every request: expiry and revocation.
              http-request set-var(txn.now) date()
              http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
              http-request deny deny_status 401 if { var(txn.bearer),jwt_payload_query('$.sid'),map_str({{map}}) -m found }
              default_backend service
            backend service
              server one {{upstream.Authority}}

            """);
        return new(await Server.StartAsync("haproxy-with-memory", ["haproxy", "-db", "-f", file], port, folder), folder);
    }

    /// <summary>Refuses the session from now on.</summary>
    public Task RevokeAsync(string sessionId) => CommandAsync($"add map {MapIn(folder)} {sessionId} 1");

    /// <summary>Takes a revocation back.</summary>
    public Task RestoreAsync(string sessionId) => CommandAsync($"del map {MapIn(folder)} {sessionId}");

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    private async Task CommandAsync(string command)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketIn(folder)));
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"));
        using var reader = new StreamReader(stream);
        var answer = (await reader.ReadToEndAsync()).Trim();
        if (answer.Length > 0) // it answers only to a mistake
        {
            throw new InvalidOperationException($"HAProxy answers \"{answer}\" to \"{command}\".");
        }
    }
}
