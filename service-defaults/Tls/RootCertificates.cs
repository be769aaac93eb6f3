using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthMesh.Tls;

/// <summary>Root certificates of an operator's own, in a PEM file.</summary>
internal static class RootCertificates
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1"; // RFC 5280 §4.2.1.12

    /// <returns>The certificates; none if the file has none.</returns>
    /// <exception cref="CryptographicException">The file is broken, or it is still being written.</exception>
    public static X509Certificate2Collection Read(string file)
    {
        var pem = File.ReadAllText(file);
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(pem);
        if (roots.Count != PemText.CountCertificates(pem)) // the framework skips one whose end is missing
        {
            throw new CryptographicException("a certificate in it is not complete");
        }

        return roots;
    }

    /// <summary>Why a server's certificate does not lead to one of these roots; null if it does. The name is checked elsewhere.</summary>
    /// <param name="roots">The only roots that count.</param>
    /// <param name="server">The server's certificate.</param>
    /// <param name="presented">The chain that the framework has built from what the server sent.</param>
    public static string? FindFault(X509Certificate2Collection roots, X509Certificate2 server, X509Chain? presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // an authority of one's own seldom publishes revocations
        chain.ChainPolicy.ApplicationPolicy.Add(new(ServerAuthentication));
        foreach (var element in presented?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(server) ? null : string.Join(", ", chain.ChainStatus.Select(status => status.Status).Distinct());
    }
}
