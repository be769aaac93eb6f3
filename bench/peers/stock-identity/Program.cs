// ASP.NET Core's own identity endpoints on PostgreSQL, as in the documentation.
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDbContext<AccountsDb>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Accounts")));
builder.Services.AddAuthorization();
builder.Services.AddIdentityApiEndpoints<IdentityUser>().AddEntityFrameworkStores<AccountsDb>();
var app = builder.Build();
app.MapIdentityApi<IdentityUser>();
app.MapGet("/", async (AccountsDb db) => await db.Users.CountAsync()).AllowAnonymous();

// Creates the tables from the model. Migrations would send at least as many queries.
using (var scope = app.Services.CreateScope())
{
    await scope.ServiceProvider.GetRequiredService<AccountsDb>().Database.EnsureCreatedAsync();
}

app.Run();

internal sealed class AccountsDb(DbContextOptions<AccountsDb> options) : IdentityDbContext<IdentityUser>(options);
