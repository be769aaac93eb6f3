using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthMesh.Tls;

/// <summary>
/// Checks the certificates of inner https addresses against <see cref="InnerTlsOptions.RootCertificateFile"/>. Without this file, the
/// system's roots count.
/// </summary>
internal sealed class InnerTrust(string? rootFile)
{
    private volatile X509Certificate2Collection? last;

    public void ApplyTo(SslClientAuthenticationOptions client)
    {
        if (!string.IsNullOrEmpty(rootFile))
        {
            client.RemoteCertificateValidationCallback = IsTrusted;
        }
    }

    /// <exception cref="AuthenticationException">It is not trusted, and the message says why.</exception>
    private bool IsTrusted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) is not SslPolicyErrors.None and var other)
        {
            throw new AuthenticationException($"The certificate of the service is refused: {other}");
        }

        return RootCertificates.FindFault(ReadRoots(), (X509Certificate2)certificate!, chain) is { } fault
            ? throw new AuthenticationException(
                $"The certificate of the service does not lead to one in AuthMesh:Tls:RootCertificateFile: {fault}")
            : true;
    }

    /// <summary>Reads the file for each new connection, so that it may change. A file that is being written leaves the old roots.</summary>
    private X509Certificate2Collection ReadRoots()
    {
        try
        {
            if (RootCertificates.Read(rootFile!) is { Count: > 0 } roots)
            {
                last = roots;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // The old ones count. If there are none, no certificate is trusted.
        }

        return last ?? [];
    }
}
