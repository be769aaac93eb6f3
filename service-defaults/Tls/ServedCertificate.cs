using System.Diagnostics.Metrics;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tls;

/// <summary>
/// Serves the certificate of <see cref="TlsOptions"/> on the https addresses. It compares the contents of the files every 10 seconds:
/// their times say nothing where a platform exchanges links, as Kubernetes does. New connections get the new certificate, open ones
/// go on. While the files cannot be used, for example half-written ones, new connections get the old certificate.
/// </summary>
internal sealed partial class ServedCertificate : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // As long as a client may take for the headers of a request.
    private static readonly TimeSpan HandshakeTime = TimeSpan.FromSeconds(10);

    // Tools renew a certificate when a third of its lifetime is left. If only a tenth is left, the renewal does not work.
    private const double LastPart = 0.1;
    private static readonly TimeSpan LongestWarning = TimeSpan.FromDays(14);

    private readonly HttpsAddresses addresses;
    private readonly TlsOptions options;
    private readonly IReadOnlyList<string> hosts;
    private readonly TimeProvider clock;
    private readonly ILogger<ServedCertificate> logger;
    private volatile CertificatePair served;
    private Validity reported;

    /// <param name="addresses">Where to serve it.</param>
    /// <param name="options">The files, which were checked before.</param>
    /// <param name="hosts">The names that clients expect; none if they may expect any.</param>
    /// <param name="clock">The time.</param>
    /// <param name="meters">Makes the meter.</param>
    /// <param name="logger">Gets each new certificate, and each problem once.</param>
    /// <exception cref="IOException">The files have become unusable since they were checked.</exception>
    public ServedCertificate(
        HttpsAddresses addresses, TlsOptions options, IReadOnlyList<string> hosts, TimeProvider clock, IMeterFactory meters,
        ILogger<ServedCertificate> logger)
    {
        (this.addresses, this.options, this.hosts, this.clock, this.logger) = (addresses, options, hosts, clock, logger);
        try
        {
            served = CertificatePair.Read(options);
        }
        catch (UnusableCertificateException exception)
        {
            throw new IOException(exception.Message, exception);
        }

        meters.Create("AuthMesh.Tls").CreateObservableGauge(
            "authmesh.certificate.remaining", () => (End(served.Certificate) - clock.GetUtcNow()).TotalSeconds, "s",
            "Time until the certificate expires that this service shows its clients");
        Report(served);
    }

    private enum Validity
    {
        Good,
        EndsSoon,
        NotYet,
        Ended,
    }

    /// <summary>Adds TLS to an address if it is https. What is added to the endpoint later sees the decrypted bytes.</summary>
    public void ServeOn(ListenOptions endpoint)
    {
        if (endpoint.IPEndPoint is { } address && addresses.Ports.Contains(address.Port))
        {
            endpoint.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(served.Server),
                HandshakeTimeout = HandshakeTime,
            });
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => new Repeating(
        clock,
        exception => exception is UnusableCertificateException ? new Setback(exception.Message, Interval) : null,
        reason => LogKept(reason, End(served.Certificate)),
        () => LogUsable(End(served.Certificate)))
        .RunAsync(Look, stoppingToken);

    private Task<TimeSpan?> Look(CancellationToken cancellationToken)
    {
        var files = CertificatePair.ReadFiles(options);
        if (!files.AreSameAs(served.Files))
        {
            var next = CertificatePair.Parse(files);
            if (FindFault(next.Certificate) is { } fault && FindFault(served.Certificate) is null)
            {
                throw new UnusableCertificateException(CertificatePair.CertificateKey, fault); // the old one is better
            }

            served = next;
            reported = Validity.Good;
            Report(served);
        }

        WarnOfEnd();
        return Task.FromResult<TimeSpan?>(Interval);
    }

    /// <summary>Why clients would refuse a certificate now; null if they would not.</summary>
    private string? FindFault(X509Certificate2 certificate) =>
        clock.GetUtcNow() >= End(certificate) ? "holds a certificate that has expired."
        : clock.GetUtcNow() < Begin(certificate) ? "holds a certificate that is not good yet."
        : Missing(certificate) is { } host ? $"holds a certificate that does not name {host}."
        : null;

    // Browsers ignore the common name.
    private string? Missing(X509Certificate2 certificate) =>
        hosts.FirstOrDefault(host => !certificate.MatchesHostname(host, allowCommonName: false));

    private void Report(CertificatePair pair)
    {
        LogServed(string.Join(", ", Names(pair.Certificate)), End(pair.Certificate));
        if (Missing(pair.Certificate) is { } host)
        {
            LogOfAnotherHost(host);
        }

        if (pair.Files.IsKeyOpenToAll)
        {
            LogOpenKey(options.KeyFile);
        }

        WarnOfEnd();
    }

    private void WarnOfEnd()
    {
        var (now, begin, end) = (clock.GetUtcNow(), Begin(served.Certificate), End(served.Certificate));
        var warning = (end - begin) * LastPart;
        var validity = now >= end ? Validity.Ended : now < begin ? Validity.NotYet
            : end - now < (warning < LongestWarning ? warning : LongestWarning) ? Validity.EndsSoon
            : Validity.Good;
        if (validity == reported)
        {
            return;
        }

        reported = validity;
        switch (validity)
        {
            case Validity.Ended:
                LogEnded(end);
                break;
            case Validity.NotYet:
                LogNotYet(begin);
                break;
            case Validity.EndsSoon:
                LogEndsSoon(end);
                break;
        }
    }

    private static DateTimeOffset Begin(X509Certificate2 certificate) => certificate.NotBefore.ToUniversalTime();

    private static DateTimeOffset End(X509Certificate2 certificate) => certificate.NotAfter.ToUniversalTime();

    private static IEnumerable<string> Names(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(
            names => names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(address => address.ToString())));

    [LoggerMessage(LogLevel.Information, "Serving a certificate for {Names}, good until {Until:u}")]
    private partial void LogServed(string names, DateTimeOffset until);

    [LoggerMessage(LogLevel.Warning, "The changed certificate cannot be served: {Reason} The old one stays, good until {Until:u}")]
    private partial void LogKept(string reason, DateTimeOffset until);

    [LoggerMessage(LogLevel.Information, "The files of the certificate can be used again. The certificate is good until {Until:u}")]
    private partial void LogUsable(DateTimeOffset until);

    [LoggerMessage(LogLevel.Warning, "The certificate does not name {Host}, a public host of the mesh, so clients refuse it")]
    private partial void LogOfAnotherHost(string host);

    [LoggerMessage(LogLevel.Warning,
        "Every user of this machine may read {File}, the private key of the certificate. Let only the service read it: chmod 600, or "
        + "defaultMode: 0440 in Kubernetes")]
    private partial void LogOpenKey(string file);

    [LoggerMessage(LogLevel.Warning, "The certificate is good only until {Until:u}. Renew it")]
    private partial void LogEndsSoon(DateTimeOffset until);

    [LoggerMessage(LogLevel.Warning, "The certificate is good only from {From:u}, so clients refuse it. Is the clock right?")]
    private partial void LogNotYet(DateTimeOffset from);

    [LoggerMessage(LogLevel.Error, "The certificate expired {Until:u}, so clients refuse it. Renew it")]
    private partial void LogEnded(DateTimeOffset until);
}
