using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Operator;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Keys;

/// <summary>An operator rotates the signing key before its time.</summary>
public sealed class RotateCommandTests(ProductionMesh production)
{
    [Fact]
    public async Task The_command_waits_for_verifiers_names_them_and_interrupts_nobody()
    {
        await using var mesh = await KeyMesh.StartAsync(
            production, new() { ["MaxAge"] = "00:00:15", ["AcknowledgementCeiling"] = "00:00:03" });
        var (first, token) = (await mesh.SigningKeyAsync(), await mesh.SignUpAsync());

        // 1. Rotate twice in a row: the key that the first announces is too new for the second.
        (await mesh.Own.RunAsync("Production", "rotate")).AssertExited(0);
        var second = await mesh.SigningKeyAsync();
        Assert.NotEqual(first, second);
        var patient = await mesh.Own.RunAsync("Production", "rotate");
        var third = await mesh.SigningKeyAsync();
        Assert.Contains($"{third} was announced just now. Waiting until", patient.Output, StringComparison.Ordinal);
        Assert.Contains($"{third} signs now; ", patient.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("may refuse", patient.Output, StringComparison.Ordinal);
        Assert.True(
            await mesh.Database.ScalarAsync<bool>(
                "SELECT activated_at - created_at >= interval '15 seconds' FROM ring_keys WHERE id = $1", third));

        var fresh = await Patience.UntilAsync(mesh.SignUpAsync, fresh => new JsonWebToken(fresh).Kid == third);
        await mesh.AssertAcceptedEverywhereAsync(fresh);
        await mesh.AssertAcceptedEverywhereAsync(token);

        // 2. Two concurrent commands and a silent verifier: the ring rotates once, after the ceiling.
        await mesh.Database.ExecuteAsync(
            "INSERT INTO verifiers (instance, name, key_ids, seen_at) VALUES (gen_random_uuid(), 'a silent one', '{}', now() + interval '1 "
            + "hour')");
        var both = await Task.WhenAll(mesh.Own.RunAsync("Production", "rotate"), mesh.Own.RunAsync("Production", "rotate"));
        var fourth = await mesh.SigningKeyAsync();

        Assert.All(both, rotation => rotation.AssertExited(0));
        Assert.Equal(
            3, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM ring_keys WHERE state = 'Retired' AND purpose = 'Signing'"));
        var winner = Assert.Single(both, rotation => rotation.Output.Contains($"{fourth} signs now; ", StringComparison.Ordinal));
        Assert.Contains(
            $"Waiting for at most 00:00:03 for verifiers that have not acknowledged {fourth}: a silent one", winner.Output,
            StringComparison.Ordinal);
        Assert.Contains("may refuse its tokens: a silent one", winner.Output, StringComparison.Ordinal);
        Assert.Single(
            both, rotation => rotation.Output.Contains($"has rotated by itself meanwhile: {fourth} signs now.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("rotate", "--emergancy")]
    [InlineData("rotate", "--emergancy=true")]
    [InlineData("rotate", "--emergancy", "--Identity:Keys:MaxAge=00:00:01")]
    [InlineData("rotate", "now")]
    [InlineData("rotate", "--Identity:Keys:MaxAge")]
    [InlineData("reseal", "--emergency")]
    [InlineData("recover-admin")]
    [InlineData("recover-admin", "admin", "--emergency")]
    [InlineData("rotat")]
    [InlineData("--emergency")]
    public void A_mistyped_command_prints_its_usage_and_runs_nothing(params string[] arguments) =>
        Assert.Equal(1, CommandLine.Read(arguments).Explain());

    [Theory]
    [InlineData("rotate", "", "rotate")]
    [InlineData("rotate", "--A:B=c", "rotate", "--A:B=c")]
    [InlineData("rotate", "--A:B=c", "--A:B=c", "rotate")]
    [InlineData("rotate", "--A:B c --D:E -1", "rotate", "--A:B", "c", "--D:E", "-1")]
    [InlineData("rotate", "--A:B=c", "rotate", "--emergency", "--A:B=c")]
    [InlineData("rotate", "--A:B c", "rotate", "--A:B", "c", "--emergency")]
    [InlineData("recover-admin", "--A:B=c", "recover-admin", "@admin", "--A:B=c")]
    public void Options_and_settings_may_stand_in_any_order(string name, string settings, params string[] arguments)
    {
        var line = CommandLine.Read(arguments);

        Assert.Null(line.Explain());
        Assert.Equal((name, settings), (line.Command?.Name, string.Join(' ', line.Settings)));
    }

    [Theory]
    [InlineData("--A:B=c")]
    [InlineData("--urls", "http://127.0.0.1:0")]
    [InlineData("--environment=Production")]
    public void Settings_alone_start_the_service(params string[] arguments)
    {
        var line = CommandLine.Read(arguments);

        Assert.Null(line.Explain());
        Assert.Null(line.Command);
        Assert.Equal(arguments, line.Settings);
    }

    [Fact]
    public async Task Settings_before_and_after_an_option_reach_the_command()
    {
        await using var own = await OwnDatabase.CreateEmptyAsync(production);
        var masterKey = own.Settings["Identity:MasterKey"];
        own.Settings.Remove("Identity:MasterKey");

        foreach (var arguments in (string[][])
            [["--emergency", "--Identity:MasterKey=" + masterKey], ["--Identity:MasterKey", masterKey, "--emergency"]])
        {
            var done = await own.RunAsync("Production", ["rotate", .. arguments]);

            done.AssertExited(0);
            Assert.Contains("Distrusted everywhere and removed: ", done.Output, StringComparison.Ordinal);
        }
    }
}
