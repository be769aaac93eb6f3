using System.Diagnostics.Metrics;
using AuthMesh.Tests.Harness;
using AuthMesh.Tls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Tls;

/// <summary>How a service watches the files of its certificate, with a clock that the test moves.</summary>
public sealed class ServedCertificateTests : IDisposable
{
    private static readonly Issued First = TestAuthority.Shared.Issue(), Second = TestAuthority.Shared.Issue("second.example.test");

    private readonly CertificateFolder folder = new(First);
    private readonly WatchedTime clock = new();
    private readonly LogLines<ServedCertificate> log = new();
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private ServedCertificate? certificate;
    private int looks;

    public ServedCertificateTests() => clock.SetUtcNow(TimeProvider.System.GetUtcNow());

    private IEnumerable<string> Served => log.At(LogLevel.Information).Where(line => line.StartsWith("Serving", StringComparison.Ordinal));

    private IEnumerable<string> Warnings => log.At(LogLevel.Warning);

    [Fact]
    public async Task A_changed_file_is_served_at_the_next_look_and_an_unchanged_one_causes_no_line()
    {
        await StartAsync();
        await LookAsync();
        await LookAsync();
        Assert.StartsWith(
            "Serving a certificate for localhost, 127.0.0.1, ::1, good until ", Assert.Single(Served), StringComparison.Ordinal);

        folder.Write(Second);
        await LookAsync();

        Assert.Equal(2, Served.Count());
        Assert.StartsWith("Serving a certificate for second.example.test", Served.Last(), StringComparison.Ordinal);
        Assert.Empty(Warnings);
    }

    [Fact]
    public async Task Links_that_are_exchanged_count_as_a_change_as_in_Kubernetes()
    {
        using var second = new CertificateFolder(Second);
        var data = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
        var link = Path.Combine(data, "..data");
        File.CreateSymbolicLink(link, Path.GetDirectoryName(folder.CertificateFile)!);
        await StartAsync(new() { CertificateFile = Path.Combine(link, "tls.crt"), KeyFile = Path.Combine(link, "tls.key") });

        File.Delete(link);
        File.CreateSymbolicLink(link, Path.GetDirectoryName(second.CertificateFile)!);
        await LookAsync();

        Assert.StartsWith("Serving a certificate for second.example.test", Served.Last(), StringComparison.Ordinal);
        Directory.Delete(data, recursive: true);
    }

    [Theory]
    [InlineData("the key of another certificate")]
    [InlineData("a cut key")]
    [InlineData("a missing key file")]
    [InlineData("a missing certificate file")]
    [InlineData("a cut intermediate")]
    [InlineData("a certificate that is none")]
    public async Task Broken_files_leave_the_old_certificate_and_are_reported_once(string fault)
    {
        await StartAsync();

        CertificatePairTests.Break(folder, fault);
        await LookAsync();
        await LookAsync();

        Assert.StartsWith("The changed certificate cannot be served: Tls:", Assert.Single(Warnings), StringComparison.Ordinal);
        Assert.Single(Served);

        folder.Write(Second);
        await LookAsync();
        Assert.StartsWith("Serving a certificate for second.example.test", Served.Last(), StringComparison.Ordinal);
        Assert.Single(Warnings);
    }

    [Theory]
    [InlineData("first.example.test", -30, -1, "has expired")]
    [InlineData("first.example.test", 1, 30, "is not good yet")]
    [InlineData("second.example.test", -1, 30, "does not name first.example.test")]
    public async Task A_certificate_that_clients_would_refuse_does_not_replace_a_good_one(string name, int from, int until, string fault)
    {
        var worse = TestAuthority.Shared.Issue(name, age: TimeSpan.FromDays(-from), left: TimeSpan.FromDays(until));
        folder.Write(TestAuthority.Shared.Issue("first.example.test"));
        await StartAsync(host: "first.example.test");

        folder.Write(worse);
        await LookAsync();
        await LookAsync();

        Assert.Single(Served);
        Assert.Contains(fault, Assert.Single(Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_has_expired_is_replaced_by_any_other()
    {
        folder.Write(TestAuthority.Shared.Issue("first.example.test", left: TimeSpan.FromMinutes(-1)));
        await StartAsync(host: "first.example.test");

        folder.Write(Second);
        await LookAsync();

        Assert.StartsWith("Serving a certificate for second.example.test", Served.Last(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auth.example.test", "auth.example.test", null)]
    [InlineData("*.example.test", "auth.example.test", null)]
    [InlineData("auth.example.test", "AUTH.example.test", null)]
    [InlineData("auth.example.test", "other.example.test", "The certificate does not name other.example.test")]
    [InlineData("*.example.test", "a.b.example.test", "The certificate does not name a.b.example.test")]
    [InlineData("auth.example.test", null, null)]
    public async Task A_certificate_for_another_host_is_reported(string name, string? host, string? warning)
    {
        folder.Write(TestAuthority.Shared.Issue(name));

        await StartAsync(host: host);

        Assert.Equal(warning is null ? 0 : 1, Warnings.Count());
        Assert.StartsWith(warning ?? "", Warnings.FirstOrDefault() ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(60, 30, null)]
    [InlineData(80, 10, null)] // just more than a tenth of 90 days
    [InlineData(82, 8, "Warning: The certificate is good only until ")]
    [InlineData(350, 15, null)]
    [InlineData(352, 13, "Warning: The certificate is good only until ")] // two weeks before the end of a long one
    [InlineData(90, -1, "Error: The certificate expired ")]
    [InlineData(-1, 90, "Warning: The certificate is good only from ")]
    public async Task The_end_of_a_certificate_is_announced(int daysOld, int daysLeft, string? line)
    {
        folder.Write(TestAuthority.Shared.Issue(age: TimeSpan.FromDays(daysOld), left: TimeSpan.FromDays(daysLeft)));

        await StartAsync();
        await LookAsync();

        var lines = Warnings.Select(text => "Warning: " + text).Concat(log.At(LogLevel.Error).Select(text => "Error: " + text)).ToList();
        Assert.Equal(line is null ? 0 : 1, lines.Count);
        Assert.StartsWith(line ?? "", lines.FirstOrDefault() ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_nobody_renews_is_reported_before_its_end_and_at_its_end_and_shown_as_a_metric()
    {
        await StartAsync();
        Assert.InRange(Remaining(), TimeSpan.FromHours(19).TotalSeconds, TimeSpan.FromHours(20).TotalSeconds);

        clock.Advance(TimeSpan.FromHours(18.5)); // of 21
        await UntilLookedAsync();
        Assert.Single(Warnings);
        clock.Advance(TimeSpan.FromHours(2));
        await UntilLookedAsync();

        Assert.Single(Warnings);
        Assert.StartsWith("The certificate expired ", Assert.Single(log.At(LogLevel.Error)), StringComparison.Ordinal);
        Assert.True(Remaining() < 0);
    }

    [Fact]
    public async Task A_key_that_everybody_may_read_is_reported()
    {
        File.SetUnixFileMode(folder.KeyFile, UnixFileMode.UserRead | UnixFileMode.OtherRead);

        await StartAsync();

        Assert.StartsWith("Every user of this machine may read " + folder.KeyFile, Assert.Single(Warnings), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        certificate?.Dispose();
        services.Dispose();
        folder.Dispose();
    }

    private async Task StartAsync(TlsOptions? options = null, string? host = null)
    {
        certificate = new ServedCertificate(
            new HttpsAddresses([443]), options ?? new() { CertificateFile = folder.CertificateFile, KeyFile = folder.KeyFile },
            host is null ? [] : [host], clock,
            services.GetRequiredService<IMeterFactory>(), log);
        await certificate.StartAsync(TestContext.Current.CancellationToken);
        await UntilLookedAsync();
    }

    private Task LookAsync()
    {
        clock.Advance(ServedCertificate.Interval);
        return UntilLookedAsync();
    }

    // After each look, it waits for the next one.
    private Task UntilLookedAsync() => clock.UntilWatchedAsync(++looks);

    private double Remaining()
    {
        var seen = double.NaN;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, itself) =>
        {
            if (instrument.Name == "authmesh.certificate.remaining"
                && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
            {
                itself.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, value, _, _) => seen = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return seen;
    }
}
