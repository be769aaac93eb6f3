using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Operations;

/// <summary>A running mesh that was backed up, and in which life went on after that.</summary>
public sealed class BackedUpMesh(ProductionMesh production) : IAsyncLifetime
{
    public const string NewPassword = "a password after the backup";

    private OwnDatabase own = null!;

    public Mesh Mesh { get; private set; } = null!;

    public Caller Gateway { get; private set; } = null!;

    public Caller Resource { get; private set; } = null!;

    /// <summary>Without a pool, because a restore breaks connections.</summary>
    public Database Database { get; private set; } = null!;

    public string MasterKey => own.Settings["Identity:MasterKey"];

    internal Backups Backups { get; private set; } = null!;

    /// <summary>The backup.</summary>
    public string File { get; private set; } = null!;

    /// <summary>Changed nothing after the backup.</summary>
    public SignedIn Stays { get; private set; } = null!;

    /// <summary>For calls that do not matter afterwards.</summary>
    public SignedIn Busy { get; private set; } = null!;

    /// <summary>Signed out after the backup.</summary>
    public SignedIn Leaves { get; private set; } = null!;

    /// <summary>Has <see cref="NewPassword"/> since the backup.</summary>
    public SignedIn Changes { get; private set; } = null!;

    /// <summary>Registered after the backup.</summary>
    public SignedIn Late { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateAsync(production);
        Mesh = await Mesh.StartAsync(
            InProduction.On(own.Database.ConnectionString, own.Settings) with { Start = WithinThisProcess.StartAsync });
        Gateway = new Caller(Mesh.Gateway);
        Resource = new Caller(Mesh.Resource);
        Database = new Database(own.Database.ConnectionString + ";Pooling=false");
        Backups = new Backups(production.Postgres);
        Stays = await Gateway.SignUpAsync();
        Busy = await Gateway.SignUpAsync();
        Leaves = await Gateway.SignUpAsync();
        Changes = await Gateway.SignUpAsync();

        File = await Backups.BackUpAsync(Database);

        Late = await Gateway.SignUpAsync();
        Assert.Equal(200, (await Gateway.LogoutAsync(Leaves.Token)).Status);
        Assert.Equal(200, (await Gateway.ChangePasswordAsync(Changes.Token, Changes.Password, NewPassword)).Status);
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        Resource?.Dispose();
        Backups?.Dispose();
        if (Mesh is not null)
        {
            await Mesh.DisposeAsync();
        }

        await own.DisposeAsync();
    }
}
