using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthMesh.Tests.Tls;

/// <summary>A certificate authority of a test: a root, and an intermediate that signs the certificates of servers.</summary>
internal sealed class TestAuthority
{
    private readonly X509Certificate2 root, intermediate;

    public TestAuthority()
    {
        root = Authority("root of a test", issuer: null);
        intermediate = Authority("intermediate of a test", root);
    }

    /// <summary>An authority that most tests share. Its keys take a moment to make.</summary>
    public static TestAuthority Shared { get; } = new();

    public string RootPem => root.ExportCertificatePem();

    public string IntermediatePem => intermediate.ExportCertificatePem();

    /// <summary>Signs a certificate for the names and for this machine's loopback addresses.</summary>
    public Issued Issue(string name = "localhost", TimeSpan? age = null, TimeSpan? left = null, bool usesRsa = false, int rsaBits = 2048)
    {
        using var rsa = usesRsa ? RSA.Create(rsaBits) : null;
        using var ecdsa = usesRsa ? null : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = rsa is not null
            ? new CertificateRequest($"CN={name}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", ecdsa!, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        if (name == "localhost")
        {
            names.AddIpAddress(IPAddress.Loopback);
            names.AddIpAddress(IPAddress.IPv6Loopback);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.Create(
            intermediate.SubjectName, X509SignatureGenerator.CreateForECDsa(intermediate.GetECDsaPrivateKey()!),
            now - (age ?? TimeSpan.FromHours(1)), now + (left ?? TimeSpan.FromHours(20)), RandomNumberGenerator.GetBytes(8));
        return new Issued(
            certificate.ExportCertificatePem() + "\n" + IntermediatePem + "\n",
            rsa?.ExportPkcs8PrivateKeyPem() ?? ecdsa!.ExportPkcs8PrivateKeyPem(), certificate.SerialNumber);
    }

    /// <summary>How a client trusts this authority's root alone, and looks nothing up elsewhere.</summary>
    public SslClientAuthenticationOptions Client()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.Add(root);
        return new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = policy };
    }

    private static X509Certificate2 Authority(string name, X509Certificate2? issuer)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        var now = TimeProvider.System.GetUtcNow();
        return issuer is null
            ? request.CreateSelfSigned(now.AddDays(-400), now.AddDays(400))
            : request.Create(issuer, now.AddDays(-399), now.AddDays(399), RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(key);
    }
}

/// <summary>A certificate with its intermediate, and its key, in PEM.</summary>
internal sealed record Issued(string CertificatePem, string KeyPem, string SerialNumber);

/// <summary>The files of a certificate, in a folder of their own.</summary>
internal sealed class CertificateFolder : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    public CertificateFolder(Issued issued, TestAuthority? authority = null)
    {
        Write(issued);
        File.WriteAllText(RootFile, (authority ?? TestAuthority.Shared).RootPem);
    }

    public string CertificateFile => Path.Combine(folder, "tls.crt");

    public string KeyFile => Path.Combine(folder, "tls.key");

    public string RootFile => Path.Combine(folder, "ca.crt");

    /// <summary>The settings of a section that serves this certificate.</summary>
    public IEnumerable<KeyValuePair<string, string>> Settings(string section) =>
        [new($"{section}:Tls:CertificateFile", CertificateFile), new($"{section}:Tls:KeyFile", KeyFile)];

    public void Write(Issued issued)
    {
        File.WriteAllText(CertificateFile, issued.CertificatePem);
        File.WriteAllText(KeyFile, issued.KeyPem);
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
