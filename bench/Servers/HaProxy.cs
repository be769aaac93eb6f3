using System.Buffers.Text;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <summary>HAProxy that verifies only the signature of each bearer token (<c>jwt_verify</c>, ES256).</summary>
internal static class HaProxy
{
    public static async Task<Server> StartAsync(Uri issuer, string token, Uri upstream, string folder)
    {
        var (port, key, file) = (Ports.Free(), Path.Combine(folder, "key.pem"), Path.Combine(folder, "haproxy.cfg"));
        await File.WriteAllTextAsync(key, await FetchPublicKeyAsync(issuer, token));
        await File.WriteAllTextAsync(file, $$"""
            defaults
              mode http
              timeout connect 2s
              timeout client 30s
              timeout server 30s
            frontend origin
              bind 127.0.0.1:{{port}}
              http-request set-var(txn.bearer) http_auth_bearer
              http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
              http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
              http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"{{key}}") -m int 1 }
              default_backend service
            backend service
              server one {{upstream.Authority}}

            """);
        return await Server.StartAsync("haproxy", ["haproxy", "-db", "-f", file], port, folder);
    }

    /// <returns>The key that the token names, as PEM.</returns>
    internal static async Task<string> FetchPublicKeyAsync(Uri issuer, string token)
    {
        using var http = new HttpClient();
        var keys = await http.GetFromJsonAsync<JsonElement>(new Uri(issuer, "/.well-known/jwks.json"));
        using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(token.AsSpan(0, token.IndexOf('.'))));
        var id = header.RootElement.GetProperty("kid").GetString();
        var key = keys.GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("kid").GetString() == id);
        byte[] Coordinate(string name) => Base64Url.DecodeFromChars(key.GetProperty(name).GetString());
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Coordinate("x"), Y = Coordinate("y") },
        });
        return ecdsa.ExportSubjectPublicKeyInfoPem();
    }
}
