using System.Diagnostics.Metrics;
using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Passwords;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Emails;

/// <summary>What a flood of resets and forgotten passwords can use up: no hash, no proof, no table.</summary>
public sealed class BoundsTests(ProductionMesh mesh) : IDisposable
{
    private static readonly IOptions<AuthMeshOptions> Settings = Options.Create(
        new AuthMeshOptions { Issuer = ProductionMesh.Issuer, ServiceKey = ProductionMesh.ServiceKey });

    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    [Fact]
    public async Task A_full_lane_does_not_consume_the_proof_and_junk_never_enters_it()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");
        using var lane = new LaneUnderTest();
        lane.Lane.Dispose(); // it has room for nobody
        await using var db = mesh.Database.Open();
        var reset = new ResetPassword(
            db, new AccountProofs(db, Settings), null!, new PasswordRules(new PasswordOptions(), new TokenOptions()), lane.Lane, null!,
            new CallerAddress(new ServiceKey(Settings)), new DeviceCookies(new HostCookies(Settings), null!), null!, null!);

        Assert.Same(ProofToken.InvalidOrExpired, await RunAsync(new string('a', 26), EmailCalls.NewPassword));
        Assert.Equal("invalid_request", ((Failure)await RunAsync(proof, "short")).Code);
        var refused = RunAsync(proof, EmailCalls.NewPassword);
        await Patience.UntilAsync(() =>
        {
            lane.Clock.Advance(TimeSpan.FromMilliseconds(250)); // a refused caller is held back
            return refused.IsCompleted;
        });
        Assert.Same(HashingLane.Full, await refused);

        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);

        async Task<object> RunAsync(string token, string password) => (await reset.RunAsync(
            new ResetPasswordRequest(token, password), new DefaultHttpContext(), TestContext.Current.CancellationToken)).Result;
    }

    [Fact]
    public async Task Ten_thousand_requests_may_wait_and_one_more_gets_the_same_answer()
    {
        var database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        await using var db = database.Open();
        var mail = new MailVerification(null!, Options.Create(new MailOptions { Host = "smtp.example.test" }));
        using var dropped = new MeterListener();
        var count = 0L;
        dropped.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "authmesh.mail_requests.dropped"
                && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        dropped.SetMeasurementEventCallback<long>((_, value, _, _) => count += value);
        dropped.Start();
        using var pace = new ForgotPasswordPace(TimeProvider.System);
        var forgot = new ForgotPassword(
            pace, db, mail, new CallerAddress(new ServiceKey(Settings)), TimeProvider.System, new Signal<AnswerMailRequests>(),
            services.GetRequiredService<IMeterFactory>());
        await database.ExecuteAsync(
            """
            INSERT INTO mail_requests (id, account, network, language, created_at)
            SELECT gen_random_uuid(), 'alice', '', 'en', now() FROM generate_series(1, 9999)
            """);

        var last = await RunAsync();
        var tooMany = await RunAsync();

        Assert.Equal((last.Value, 1L), (tooMany.Value, count));
        Assert.Equal(10_000, await database.ScalarAsync<long>("SELECT count(*) FROM mail_requests"));

        async Task<Accepted<MessageResponse>> RunAsync() => (Accepted<MessageResponse>)(await forgot.RunAsync(
            new ForgotPasswordRequest("alice"), new DefaultHttpContext(), TestContext.Current.CancellationToken)).Result;
    }

    [Fact]
    public async Task A_networks_flood_of_forgotten_passwords_is_dropped_and_leaves_room_for_others()
    {
        var clock = new FakeTimeProvider();
        using var pace = new ForgotPasswordPace(clock);
        var flood = Enumerable.Range(0, 2_000).Select(_ => WaitAsync("192.0.2.1")).ToList();

        Assert.True(await WaitAsync("198.51.100.7"));
        Assert.True(await flood[0]);
        Assert.False(flood[^1].IsCompleted); // a sender who is dropped must not repeat at once
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await flood[^1]);
        Assert.InRange((await Task.WhenAll(flood)).Count(isTaken => isTaken), 100, 200);

        Task<bool> WaitAsync(string network) => pace.WaitAsync(network, TestContext.Current.CancellationToken);
    }

    public void Dispose() => services.Dispose();
}
