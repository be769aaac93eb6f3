using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace AuthMesh.Identity.Database;

/// <summary>Lets <c>dotnet ef migrations add NAME</c> compare the model with the last migration; it connects to nothing.</summary>
internal sealed class DesignTimeDb : IDesignTimeDbContextFactory<IdentityDb>
{
    public IdentityDb CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<IdentityDb>().UseNpgsql("Host=none").Options);
}
