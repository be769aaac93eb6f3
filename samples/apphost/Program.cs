var builder = DistributedApplication.CreateBuilder(args);

var accounts = builder.AddPostgres("postgres").WithImageTag("17").AddDatabase("accounts");
var mesh = builder.AddAuthMesh("auth", accounts).WithDemoUsers();

builder.AddProject<Projects.notes>("notes")
    .WithHttpEndpoint()
    .WithAuthMesh(mesh, "/notes", ["GET", "POST", "DELETE"])
    .WithAuthMesh(mesh, "/notes/all", ["GET"], "admin")
    .WithAuthMesh(mesh, "/notes/about", ["GET"], "anonymous");

builder.Build().Run();
