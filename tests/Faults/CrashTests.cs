using System.Collections.Concurrent;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Faults;

/// <summary>What was answered with 200 holds after `kill -9`, and exists once.</summary>
[Collection<OnOwnMesh>]
public sealed class CrashTests(OwnMesh mesh, ITestOutputHelper output)
{
    private const int Rounds = 3;
    private const int Callers = 6; // at least two for each core, so that some are always between the statement and the answer
    private const int BetweenCrashes = 40;
    private const string Password = "a password for a test";

    [Theory]
    [InlineData("PostgreSQL")]
    [InlineData("identity-service")]
    [InlineData("gateway")]
    public async Task A_registered_user_can_sign_in_after_a_part_is_killed(string part)
    {
        await mesh.WholeAsync();
        var before = await mesh.Database.CountUsersAsync();
        var registrations = new Registrations(mesh.Gateway);
        var callers = Enumerable.Range(0, Callers).Select(_ => registrations.RunAsync()).ToList();

        for (var round = 1; round <= Rounds; round++)
        {
            await registrations.ReachAsync(registrations.Acknowledged + BetweenCrashes);
            await KillAndStartAgainAsync(part);
        }

        await registrations.ReachAsync(registrations.Acknowledged + BetweenCrashes);
        registrations.Stop();
        await Task.WhenAll(callers);

        // Each caller repeated a registration until the answer said registered or, after a lost answer, taken.
        Assert.NotEqual(0, registrations.Unanswered);
        Assert.Equal(registrations.Names.Count, registrations.Names.Distinct().Count());
        Assert.Equal(before + registrations.Names.Count, await mesh.Database.CountUsersAsync());
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM (SELECT lower(username) FROM users GROUP BY lower(username) HAVING count(*) > 1) doubled"));
        await Parallel.ForEachAsync(
            registrations.Names, TestContext.Current.CancellationToken,
            async (name, _) => Assert.Equal($"Welcome {name}!", (await mesh.Gateway.LoginAsync(name, Password)).Message));
        output.WriteLine($"{part} killed {Rounds} times: {registrations}; all of them signed in afterwards");
    }

    [Fact]
    public async Task A_reset_that_was_answered_holds_after_the_service_is_killed()
    {
        await mesh.WholeAsync();
        var user = await mesh.Gateway.SignUpAsync();
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);
        await KillAndStartAgainAsync("identity-service");

        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, EmailCalls.NewPassword)).Status);
        (await mesh.Gateway.LoginAsync(user.Username, user.Password)).AssertError(401, "invalid_credentials");
        (await mesh.Gateway.ResetPasswordAsync(proof)).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.GetAsync("/protected", user.Token)).AssertError(401, "invalid_token");
    }

    private async Task KillAndStartAgainAsync(string part)
    {
        if (part == "PostgreSQL")
        {
            await mesh.Postgres.KillAsync();
            await mesh.Postgres.StartAgainAsync();
            return;
        }

        var service = mesh.Mesh.Services.Single(service => service.Name == part);
        service.Kill();
        Assert.Equal(128 + 9, await service.Exited);
        await service.RestartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    private sealed class Registrations(Caller gateway)
    {
        private readonly ConcurrentBag<string> names = [];
        private volatile bool isStopped;
        private int acknowledged, unanswered;

        /// <summary>The names whose registration a caller saw confirmed.</summary>
        public ConcurrentBag<string> Names => names;

        public int Acknowledged => acknowledged;

        public int Unanswered => unanswered;

        public void Stop() => isStopped = true;

        public Task ReachAsync(int count) => Patience.UntilAsync(() => acknowledged >= count);

        public async Task RunAsync()
        {
            while (!isStopped)
            {
                await RegisterAsync(ProductionMesh.NewName());
            }
        }

        public override string ToString() =>
            $"{names.Count} names, {acknowledged} answered 200, {unanswered} requests without an answer or 503";

        private async Task RegisterAsync(string name)
        {
            var mayExist = false;
            await Patience.UntilAsync(
                async () =>
                {
                    var status = await TryAsync(name);
                    mayExist |= status is null or 503;
                    return status;
                },
                status => status is 200 or 409);

            async Task<int?> TryAsync(string username)
            {
                try
                {
                    var answer = await gateway.RegisterAsync(username, Password);
                    switch (answer.Status)
                    {
                        case 200:
                            Interlocked.Increment(ref acknowledged);
                            names.Add(username);
                            break;
                        case 409 when mayExist: // the answer was lost, but the row was stored
                            names.Add(username);
                            break;
                        default:
                            answer.AssertError(503, answer.Code!);
                            Interlocked.Increment(ref unanswered);
                            break;
                    }

                    return answer.Status;
                }
                catch (HttpRequestException)
                {
                    Interlocked.Increment(ref unanswered);
                    return null;
                }
            }
        }
    }
}
