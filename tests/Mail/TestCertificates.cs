using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthMesh.Tests.Mail;

/// <summary>A certificate authority of the test run, and certificates for servers.</summary>
internal static class TestCertificates
{
    private static readonly X509Certificate2 Authority = CreateAuthority();

    /// <summary>The authority's certificate as PEM.</summary>
    public static string AuthorityPem { get; } = Authority.ExportCertificatePem();

    /// <summary>For this machine's loopback names.</summary>
    public static X509Certificate2 Server { get; } = Create("localhost", TimeSpan.FromDays(1));

    public static X509Certificate2 OfAnotherName { get; } = Create("mail.example.test", TimeSpan.FromDays(1), withAddresses: false);

    public static X509Certificate2 Expired { get; } = Create("localhost", TimeSpan.FromMinutes(-1));

    private static X509Certificate2 CreateAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=authority of a test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-2), now.AddDays(2));
    }

    private static X509Certificate2 Create(string name, TimeSpan validFor, bool withAddresses = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        if (withAddresses)
        {
            names.AddIpAddress(IPAddress.Loopback);
            names.AddIpAddress(IPAddress.IPv6Loopback);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        var now = TimeProvider.System.GetUtcNow();
        using var issued = request.Create(Authority, now.AddDays(-1), now + validFor, RandomNumberGenerator.GetBytes(8));
        return issued.CopyWithPrivateKey(key);
    }
}
