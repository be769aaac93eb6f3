using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Samples;

/// <summary>The sample of a worker reads the stock through the gateway. It has no service key and knows no other address.</summary>
public sealed class WorkerTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_worker_reads_until_an_admin_disables_it_says_so_and_goes_on()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "stock.read");
        var gateway = mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);
        await using var worker = await ServiceProcess.StartAsync(
            "worker",
            new Dictionary<string, string>
            {
                ["Logging:Console:FormatterName"] = "simple",
                ["AuthMesh:Issuer"] = gateway,
                ["AuthMesh:Client:Id"] = made.ClientId,
                ["AuthMesh:Client:Secret"] = made.Secret,
                ["Stock:Url"] = gateway,
                ["Stock:Interval"] = "00:00:00.100",
            },
            program: Checkout.Dll("samples/worker", "worker"), start: WithinThisProcess.StartAsync);
        var read = $"The stock: You are viewing the stock, {made.ClientId}!";
        await worker.UntilLoggedAsync(read);

        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { disabled = true })).Status);
        var refused = $"The stock cannot be read: The identity service gives application {made.ClientId} no token: ";
        await Patience.UntilAsync(() => LinesWith(worker, refused) > 1);

        var before = LinesWith(worker, read);
        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { disabled = false })).Status);
        await Patience.UntilAsync(() => LinesWith(worker, read) > before);
        Assert.DoesNotContain("   at ", worker.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(made.Secret, worker.Output, StringComparison.Ordinal);
    }

    private static int LinesWith(ServiceProcess worker, string text) =>
        worker.Output.Split('\n').Count(line => line.Contains(text, StringComparison.Ordinal));
}
