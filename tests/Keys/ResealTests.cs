using System.Net.Http.Json;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Keys;

/// <summary>An operator changes the master key, and nobody is signed out.</summary>
public sealed class ResealTests(ProductionMesh production) : IAsyncLifetime
{
    private const string MasterKey = "Identity:MasterKey", Previous = "Identity:PreviousMasterKey";

    private readonly string newKey = OwnDatabase.NewMasterKey();
    private OwnDatabase own = null!;
    private string oldKey = null!;
    private ServiceProcess service = null!, resource = null!;
    private Caller identity = null!, verifier = null!;

    [Fact]
    public async Task Resealing_replaces_the_master_key_in_three_steps_and_signs_nobody_out()
    {
        var user = await identity.SignUpAsync();
        await AssertAcceptedAsync(user.Token);
        var keys = (await identity.GetAsync("/.well-known/jwks.json")).Text;

        // 1. Start with the new master key, and the old one as the previous key.
        (own.Settings[MasterKey], own.Settings[Previous]) = (newKey, oldKey);
        await RestartAsync();
        await identity.SignInAgainAsync(user);
        var another = await identity.SignUpAsync();

        // 2. Reseal every row. Nothing in a row changes but its seal.
        var before = await own.Database.ScalarAsync<string>("SELECT string_agg(id || state || created_at, ' ' ORDER BY id) FROM ring_keys");
        var seals = await SealsAsync();
        var done = await own.RunAsync("Production", "reseal");
        done.AssertExited(0);
        Assert.Contains("Resealed 5 keys under Identity:MasterKey.", done.Output, StringComparison.Ordinal);
        Assert.Equal(
            before, await own.Database.ScalarAsync<string>("SELECT string_agg(id || state || created_at, ' ' ORDER BY id) FROM ring_keys"));
        Assert.Empty(seals.Intersect(await SealsAsync()));

        // 3. Start without the old master key.
        own.Settings.Remove(Previous);
        await RestartAsync();
        Assert.Equal(keys, (await identity.GetAsync("/.well-known/jwks.json")).Text);
        foreach (var somebody in (SignedIn[])[user, another])
        {
            await AssertAcceptedAsync(somebody.Token);
            await AssertAcceptedAsync((await identity.SignInAgainAsync(somebody)).Token);
            await AssertAcceptedAsync((await identity.RefreshAsync(somebody.RefreshToken)).Token);
            await AssertAcceptedAsync((await identity.SendAsync(
                HttpMethod.Post, "/internal/exchange", JsonContent.Create(new { cookie = somebody.Cookie }),
                request => request.Headers.Add("AuthMesh-Service-Key", ProductionMesh.ServiceKey))).Token);
        }

        // 4. The old master key no longer opens the ring.
        own.Settings[MasterKey] = oldKey;
        var refused = await own.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains("does not open the stored key ring", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_right_previous_master_key_nothing_is_resealed()
    {
        own.Settings[MasterKey] = newKey;
        var before = await own.DumpAsync("ring_keys");

        foreach (var previous in (string[])["", OwnDatabase.NewMasterKey()])
        {
            own.Settings[Previous] = previous;
            foreach (var arguments in (string[][])[["reseal"], []])
            {
                var refused = await own.RunAsync("Production", arguments);

                refused.AssertExited(1);
                Assert.Contains("does not open the stored key ring", refused.Errors, StringComparison.Ordinal);
                Assert.Contains(Previous, refused.Errors, StringComparison.Ordinal);
                Assert.Equal(before, await own.DumpAsync("ring_keys"));
            }
        }

        own.Settings[Previous] = "";
        var file = own.FileIn("previous");
        await File.WriteAllTextAsync(file, oldKey + "\n", TestContext.Current.CancellationToken);
        own.Settings[Previous + "File"] = file;
        (await own.RunAsync("Production", "reseal")).AssertExited(0);
    }

    [Fact]
    public async Task A_replica_without_the_new_master_key_keeps_its_opened_keys_and_says_what_it_needs()
    {
        var user = await identity.SignUpAsync();
        await AssertAcceptedAsync(user.Token);
        own.Settings["Identity:Keys:AcknowledgementCeiling"] = "00:00:02";

        // 1. Reseal, and rotate to a key that the replica holds already.
        (await RunAsNewAsync("reseal")).AssertExited(0);
        (await RunAsNewAsync("rotate")).AssertExited(0);
        await service.UntilLoggedAsync("This replica cannot open these keys of the ring");
        await AssertAcceptedAsync(user.Token);
        await AssertAcceptedAsync((await identity.SignInAgainAsync(user)).Token);

        // 2. Rotate to a key that it cannot open. The waiting command names the replica, which then signs nothing.
        var rotated = await RunAsNewAsync("rotate");
        Assert.Contains("may refuse its tokens: identity-service on ", rotated.Output, StringComparison.Ordinal);
        (await Patience.UntilAsync(() => identity.LoginAsync(user.Username, user.Password), answer => answer.Status != 200))
            .AssertError(503, "keys_unavailable");
        await AssertAcceptedAsync(user.Token);
        Assert.False(service.Exited.IsCompleted);

        // 3. The new master key cures it, as its log says.
        own.Settings[MasterKey] = newKey;
        await RestartAsync();
        await AssertAcceptedAsync(user.Token);
        var fresh = (await identity.SignInAgainAsync(user)).Token;
        await Patience.UntilAsync(() => verifier.GetAsync("/protected", fresh), answer => answer.Status == 200);

        async Task<Finished> RunAsNewAsync(string name)
        {
            (own.Settings[MasterKey], own.Settings[Previous]) = (newKey, oldKey);
            var finished = await own.RunAsync("Production", name);
            (own.Settings[MasterKey], _) = (oldKey, own.Settings.Remove(Previous));
            return finished;
        }
    }

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateAsync(production);
        oldKey = own.Settings[MasterKey];
        own.Settings["Identity:Keys:MaxAge"] = "00:00:01";
        service = await own.StartAsync();
        identity = new Caller(service);
        resource = await ServiceProcess.StartAsync(
            "resource-service",
            new Dictionary<string, string>
            {
                ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
                ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
                ["AuthMesh:IdentityUrl"] = service.Address.GetLeftPart(UriPartial.Authority),
            },
            "Production",
            start: WithinThisProcess.StartAsync);
        verifier = new Caller(resource);
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await resource.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        identity.Dispose();
        verifier.Dispose();
        await resource.DisposeAsync();
        await service.DisposeAsync();
        await own.DisposeAsync();
    }

    private async Task RestartAsync()
    {
        await service.RestartAsync(); // with the current settings
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    private async Task AssertAcceptedAsync(string token) => Assert.Equal(200, (await verifier.GetAsync("/protected", token)).Status);

    private async Task<string[]> SealsAsync() =>
        (await own.Database.ScalarAsync<string>("SELECT string_agg(encode(sealed_secret, 'hex'), ' ') FROM ring_keys")).Split(' ');
}
