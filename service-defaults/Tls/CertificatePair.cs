using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthMesh.Tls;

/// <summary>The files of a certificate cannot be used. The message names the setting, and no secret.</summary>
internal sealed class UnusableCertificateException(string key, string problem) : Exception($"{key} {problem}")
{
    /// <summary>The setting, below its section.</summary>
    public string Key => key;

    public string Problem => problem;
}

/// <summary>A certificate with its private key and the intermediate certificates, as the service sends them.</summary>
internal sealed class CertificatePair
{
    public const string CertificateKey = "Tls:CertificateFile";

    private const string KeyKey = "Tls:KeyFile";
    private const int FewestRsaBits = 2048; // OpenSSL and browsers refuse fewer

    private CertificatePair(X509Certificate2 certificate, X509Certificate2Collection intermediates, CertificateFiles files)
    {
        Certificate = certificate;
        Files = files;
        Server = new SslServerAuthenticationOptions
        {
            // One context for all connections, so that clients can resume their TLS sessions. Offline: it asks no server for certificates.
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, intermediates, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13, // RFC 8996: older ones must not be used
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
    }

    public X509Certificate2 Certificate { get; }

    public CertificateFiles Files { get; }

    /// <summary>What a TLS handshake needs. All connections share it.</summary>
    public SslServerAuthenticationOptions Server { get; }

    /// <exception cref="UnusableCertificateException">A file cannot be read, or the two cannot be used together.</exception>
    public static CertificatePair Read(TlsOptions options) => Parse(ReadFiles(options));

    /// <exception cref="UnusableCertificateException">A file cannot be read.</exception>
    public static CertificateFiles ReadFiles(TlsOptions options)
    {
        var (certificate, _) = ReadFile(CertificateKey, options.CertificateFile);
        var (key, mode) = ReadFile(KeyKey, options.KeyFile);
        return new CertificateFiles(certificate, key, mode);
    }

    /// <exception cref="UnusableCertificateException">The two cannot be used together.</exception>
    public static CertificatePair Parse(CertificateFiles files)
    {
        var certificates = ReadCertificates(files.Certificate);
        if (files.Key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new UnusableCertificateException(
                KeyKey, "is encrypted, and the service cannot ask for the passphrase. Write the key without one, readable by the service "
                + "alone: openssl pkey -in KEY -out PLAIN.");
        }

        X509Certificate2 own;
        try
        {
            own = X509Certificate2.CreateFromPem(files.Certificate, files.Key);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new UnusableCertificateException(
                KeyKey, "holds no private key in PEM that belongs to the first certificate in Tls:CertificateFile, which must be the "
                + $"certificate of the service: {exception.Message}");
        }

        CheckStrength(own);
        certificates.RemoveAt(0);
        return new CertificatePair(own, certificates, files);
    }

    // The framework skips a certificate whose end is missing, as in a file that is still being written.
    private static X509Certificate2Collection ReadCertificates(string pem)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException exception)
        {
            throw new UnusableCertificateException(CertificateKey, $"holds a broken certificate: {exception.Message}");
        }

        return certificates.Count > 0 && certificates.Count == PemText.CountCertificates(pem)
            ? certificates
            : throw new UnusableCertificateException(
                CertificateKey, "must be PEM and complete: the certificate of the service first, then the intermediate certificates.");
    }

    private static void CheckStrength(X509Certificate2 certificate)
    {
        using var rsa = certificate.GetRSAPublicKey();
        using var ecdsa = certificate.GetECDsaPublicKey();
        if (rsa is { KeySize: < FewestRsaBits } || (rsa is null && ecdsa is null))
        {
            throw new UnusableCertificateException(
                CertificateKey, $"must hold a certificate with an ECDSA key, or with an RSA key of at least {FewestRsaBits} bits.");
        }
    }

    private static (string Text, UnixFileMode Mode) ReadFile(string key, string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            using var reader = new StreamReader(new FileStream(file, FileAccess.Read));
            var mode = OperatingSystem.IsWindows() ? UnixFileMode.None : File.GetUnixFileMode(file); // of the file, also behind a link
            return (reader.ReadToEnd(), mode);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UnusableCertificateException(key, $"names a file that cannot be read: {exception.Message}");
        }
    }
}

/// <summary>The contents of the two files. A class, so that no text of it shows the key.</summary>
internal sealed class CertificateFiles(string certificate, string key, UnixFileMode keyMode)
{
    public string Certificate => certificate;

    public string Key => key;

    /// <summary>Whether every user of the machine may read the key.</summary>
    public bool IsKeyOpenToAll => keyMode.HasFlag(UnixFileMode.OtherRead);

    public bool AreSameAs(CertificateFiles other) => other.Certificate == certificate && other.Key == key;
}
