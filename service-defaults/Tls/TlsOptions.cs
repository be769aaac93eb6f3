using System.Security.Cryptography;
using AuthMesh.Settings;

namespace AuthMesh.Tls;

/// <summary>The certificate for the https addresses of a service. They come from <c>ASPNETCORE_URLS</c>.</summary>
public class TlsOptions
{
    /// <summary>
    /// A PEM file: the certificate of the service, then the intermediate certificates. A changed file is noticed within 10 seconds.
    /// </summary>
    public string CertificateFile { get; set; } = "";

    /// <summary>A PEM file with the private key of the certificate, RSA or ECDSA, without a passphrase.</summary>
    public string KeyFile { get; set; } = "";

    internal bool IsSet => CertificateFile.Length > 0 || KeyFile.Length > 0;

    /// <param name="problems">Gets what is wrong.</param>
    /// <param name="addresses">The https addresses of the service.</param>
    internal void Check(SettingProblems problems, HttpsAddresses? addresses)
    {
        if (!IsSet)
        {
            return;
        }

        if (CertificateFile.Length == 0 || KeyFile.Length == 0)
        {
            problems.Unless(false, "Tls:CertificateFile", "and Tls:KeyFile belong together. Set both, or none.");
            return;
        }

        problems.Unless(
            addresses is not { Ports.Count: 0 }, "Tls:CertificateFile",
            "is set, and the service has no https address. Add one to ASPNETCORE_URLS, for example https://+:8443.");
        try
        {
            CertificatePair.Read(this);
        }
        catch (UnusableCertificateException exception)
        {
            problems.Unless(false, exception.Key, exception.Problem);
        }
    }
}

/// <summary>The section <c>AuthMesh:Tls</c>: encryption between gateway and services.</summary>
public sealed class InnerTlsOptions : TlsOptions
{
    /// <summary>
    /// A PEM file with the root certificates that inner https addresses are checked against, instead of the system's. A changed file
    /// counts for the next connection.
    /// </summary>
    public string RootCertificateFile { get; set; } = "";

    internal void CheckRoots(SettingProblems problems)
    {
        const string Key = "Tls:RootCertificateFile";
        try
        {
            problems.Unless(
                RootCertificateFile.Length == 0 || RootCertificates.Read(RootCertificateFile).Count > 0, Key,
                "names a file without a certificate. It must be PEM.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            problems.Unless(false, Key, $"names a file that cannot be read: {exception.Message}");
        }
    }
}
