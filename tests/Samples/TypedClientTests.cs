using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Samples;

/// <summary>The sample whose client a tool made from the OpenAPI document.</summary>
public sealed class TypedClientTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_client_signs_in_reads_signs_out_and_understands_the_refusal()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var finished = await RunAsync(user.Username, user.Password);

        Assert.Equal((1, "401 invalid_token: Invalid or expired token\n"), (finished.ExitCode, finished.Errors));
        Assert.Matches(
            $"^Welcome {user.Username}!\n(Signed in since [0-9-]{{10}} [0-9:]{{8}}Z from .+\n){{2}}Logged out successfully\n$",
            finished.Output);
    }

    [Fact]
    public async Task An_error_has_its_code()
    {
        var user = await mesh.Gateway.SignUpAsync();

        Assert.Equal(
            new Finished(1, "", "401 invalid_credentials: Invalid credentials\n"), await RunAsync(user.Username, "a wrong password"));
    }

    private Task<Finished> RunAsync(string name, string password) => Finished.RunAsync(
    [
        Checkout.DotNet, Checkout.Dll("samples/typed-client", "typed-client"), mesh.Gateway.Address.GetLeftPart(UriPartial.Authority),
        name, password,
    ]);
}
